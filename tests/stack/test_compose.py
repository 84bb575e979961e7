"""docker-compose.yml, without Docker: each of the hub's services is run here, with its own command and environment."""

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from integrations import settings
from integrations.channels.settings import EmailSettings, Security
from integrations.sandbox.server import find
from ops.canary import Canary
from ops.deployment.make_secrets import make_secrets
from ops.embedded import mailbox
from ops.embedded.postgres import SERVER_SETTINGS
from ops.embedded.programs import WORKERS
from ops.embedded.servers import PROVIDERS
from tests.stack.composed import COMPOSE, HUB, PROJECT, Local
from tests.support.waiting import eventually

RESIDENTS = ("personal-space", "stand-ins")  # what residents' browsers meet
STOP_SECONDS = 30


def queues(service: dict[str, Any]) -> list[str]:
    return [name for word in service["command"] if word.startswith("--queues=") for name in word[9:].split(",")]


@pytest.fixture
def local(tmp_path: Path, hub_environment: dict[str, str]) -> Local:
    return Local(tmp_path, hub_environment)


def test_every_service_starts_becomes_ready_and_stops_cleanly(
    local: Local, hub_environment: dict[str, str], listens: Callable[[int], bool]
) -> None:
    assert local.start("migrate").wait(60) == 0
    running = {name: local.start(name) for name in HUB if name != "migrate"}
    try:
        canary = Canary(hub_environment["PERMIT_HUB_REDIS_URL"], local.prefix)
        pings = {name: [canary.send(queue) for queue in queues(HUB[name])] for name in running}
        for name, sent in pings.items():
            for ping in sent:
                eventually(partial(canary.was_answered, ping), f"an answer of {name}")
            assert running[name].poll() is None, (local.logs / f"{name}.log").read_text()
        canary.close()
        eventually(lambda: all(listens(int(port)) for port in local.ports.values()))
        eventually(lambda: "beat: Starting" in (local.logs / "beat.log").read_text())
        assert [name for name in RESIDENTS if not local.is_healthy(name)] == []
        assert _leads_to(f"http://127.0.0.1:{local.ports['8800']}/connexion").startswith(
            f"http://127.0.0.1:{local.ports['8702']}/monparis/authorize?"
        )
        assert _status(local.ports["5555"], None) == 401
        assert _status(local.ports["5555"], (local.secrets / "flower_password").read_text()) == 200
    finally:
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        codes = {name: process.wait(STOP_SECONDS) for name, process in running.items()}
    assert codes == dict.fromkeys(running, 0)
    for log in local.logs.glob("*.log"):
        assert "provider.unconfigured" not in log.read_text(), log.name


def secrets_of(provider: str) -> set[str]:
    """Return the secrets that a provider's lane needs, as its stand-in names them."""
    stand_in = find()[provider]
    certificates = {f"{provider}_authority", f"{provider}_certificate"} if stand_in.tls else set()
    return {f"permit_hub_{provider}_{setting}" for setting in stand_in.secrets} | certificates


def test_a_lane_has_the_access_of_its_own_provider_and_who_reconciles_has_all() -> None:
    access = {name: secrets_of(name) for name in PROVIDERS}
    everything = set().union(*access.values())
    mail = {"permit_hub_email_password", "email_authority"}
    hub = set(HUB["worker-jobs"]["secrets"])
    assert not hub & (everything | mail)
    for name, service in HUB.items():
        served = queues(service)
        expected = everything if "bulk" in served else set().union(*(access[q[8:]] for q in served if q[8:] in access))
        expected |= mail if "remind" in served else set()
        if served:
            assert set(service["secrets"]) == hub | expected, name


def test_what_residents_meet_has_no_secret_of_the_hubs() -> None:
    for name in RESIDENTS:
        assert all(secret.startswith("personal_space_") for secret in HUB[name]["secrets"]), name
    shared = {secret: Path(COMPOSE["secrets"][secret]["file"]).name for secret in HUB["personal-space"]["secrets"]}
    hubs = {secret: file for secret, file in shared.items() if file.startswith("permit_hub_")}
    assert hubs == {"personal_space_redis_url": "permit_hub_redis_url"}


def test_browsers_and_containers_reach_them_at_the_same_addresses() -> None:
    for name, variable in (("personal-space", "PERSONAL_SPACE_URL"), ("stand-ins", "PERSONAL_SPACE_ISSUER")):
        address = urlsplit(HUB["personal-space"]["environment"][variable])
        assert address.hostname in HUB[name]["networks"]["default"]["aliases"]
        assert address.hostname.endswith(".localhost")
        assert HUB[name]["ports"] == [f"127.0.0.1:{address.port}:{address.port}"]
        assert f"--port={address.port}" in HUB[name]["command"]


def test_reminders_are_taken_by_what_stands_in_for_the_mail_server(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local.environment("worker-remind").items():
        monkeypatch.setenv(name, value)
    hub = settings.read("email", EmailSettings)
    stand_in = COMPOSE["services"][hub.host]
    told = stand_in["environment"]
    files = {name: local.secrets / Path(COMPOSE["secrets"][name]["file"]).name for name in stand_in["secrets"]}
    users, certificate, key = (
        files[told[f"MP_SMTP_{one}"].removeprefix("/run/secrets/")] for one in ("AUTH_FILE", "TLS_CERT", "TLS_KEY")
    )
    assert told["MP_SMTP_BIND_ADDR"] == f"0.0.0.0:{hub.port}"
    assert (hub.security, told["MP_SMTP_REQUIRE_STARTTLS"]) == (Security.STARTTLS, "true")
    assert hub.password is not None
    assert users.read_text().split() == [f"{hub.user}:{hub.password.get_secret_value()}"]
    assert certificate == key
    shake_hands(certificate, hub.authority, hub.host)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificate, hub.authority, "mail.example")


def test_reminders_lead_to_the_web_app_as_those_of_the_embedded_stack_do(tmp_path: Path) -> None:
    mail, residents = (HUB[name]["environment"] for name in ("worker-remind", "personal-space"))
    embedded = mailbox.prepare(tmp_path).environment(residents["PERSONAL_SPACE_URL"])
    assert set(embedded) - set(mail) == {"PERMIT_HUB_EMAIL_PASSWORD"}
    for setting in ("USER", "SECURITY", "SENDER", "SPACE_URL", "UNSUBSCRIBE_URL"):
        assert mail[f"PERMIT_HUB_EMAIL_{setting}"] == embedded[f"PERMIT_HUB_EMAIL_{setting}"]


def test_the_health_check_of_a_queue_that_nobody_serves_fails(local: Local, hub_environment: dict[str, str]) -> None:
    environment = os.environ | hub_environment
    command = [
        sys.executable,
        "-c",
        "from ops.canary import check; raise SystemExit(check('jobs', seconds=0.2))",
    ]
    check = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert check.returncode == 1
    assert "no worker answered on jobs" in check.stderr
    with redis.Redis.from_url(hub_environment["PERMIT_HUB_REDIS_URL"]) as client:
        assert client.llen(f"{local.prefix}jobs") == 1


def test_every_queue_is_served_by_one_service_and_watched() -> None:
    served = [queue for service in HUB.values() for queue in queues(service)]
    lanes = [f"deliver.{name}" for name in PROVIDERS]
    assert sorted(served) == sorted(["consent", "jobs", "bulk", "calendar", "remind", "upkeep", *lanes])
    for service in HUB.values():
        if queues(service):
            assert service["healthcheck"]["test"][-2:] == ["ops.canary", queues(service)[0]]


def test_sweeps_have_room_beside_what_a_night_brings_about() -> None:
    (embedded,) = (at_once for _, served, at_once in WORKERS if "calendar" in served)
    (option,) = (word for word in HUB["worker-calendar"]["command"] if word.startswith("--concurrency="))
    assert int(option.removeprefix("--concurrency=")) >= embedded >= 2


def test_every_secret_is_made_kept_and_readable_in_containers_only(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    first = {file.name: file.read_text() for file in folder.iterdir()}
    make_secrets(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} <= set(first)
    assert folder.stat().st_mode & 0o077 == 0


def test_the_database_logs_no_values_in_either_shape() -> None:
    options = dict(word[2:].split("=") for word in COMPOSE["services"]["postgres"]["command"] if word.startswith("-c"))
    assert {
        name: value for name, value in SERVER_SETTINGS.items() if name.startswith("log_m")
    }.items() <= options.items()
    assert options.items() <= SERVER_SETTINGS.items()


def test_redis_keeps_no_commands_in_either_shape(redis_url: str) -> None:
    words = COMPOSE["services"]["valkey"]["command"][2:]
    options = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        embedded = client.config_get("*")
    quiet = {name: "-1" for name in embedded if name.startswith("commandlog-") and not name.endswith("max-len")}
    assert len(quiet) == 3
    for name, value in (quiet | {"hide-user-data-from-log": "yes", "appendonly": "yes"}).items():
        assert embedded[name] == options[name] == value


def test_the_image_holds_every_package_that_the_distribution_has() -> None:
    copied = set(re.findall(r"^COPY (\S+) ", (PROJECT / "Dockerfile").read_text(), re.MULTILINE))
    wheel = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert (
        set(wheel["only-include"]) | {"upstream/client", "upstream/personal_space", "requirements/runtime.txt"}
        == copied
    )


def shake_hands(certificate: Path, authority: Path | None, host: str) -> None:
    """Connect a client to a server, both of them here.

    Raises:
        ssl.SSLCertVerificationError: the client does not trust the server.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=authority)
    server.load_cert_chain(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname=host)
    answering = server.wrap_bio(there, back, server_side=True)
    for side in (asking, answering) * 2:
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert asking.version() is not None


def _leads_to(address: str) -> str:
    """Return where a page sends the browser, without going there."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().headers["Location"] or ""
    finally:
        connection.close()


def _status(port: str, password: str | None) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/workers")
    if password is not None:
        request.add_header("Authorization", "Basic " + b64encode(f"operator:{password}".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
