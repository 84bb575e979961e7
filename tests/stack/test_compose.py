"""docker-compose.yml with compose.sandbox.yml over it, without Docker: each of our services is run here.

Each runs with its own command and environment, on the code and the packages that its image holds and no others.
"""

import http.client
import os
import signal
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from permit_hub_client import HubRefused

from integrations import settings
from integrations.channels.settings import EmailSettings, Security
from ops.canary import Canary
from ops.embedded import mailbox
from ops.embedded.servers import Servers
from tests.stack.composed import SANDBOX, Local, ours, queues, secrets
from tests.stack.installed import Image
from tests.support.waiting import eventually

SERVICES = ours(SANDBOX)
RESIDENTS = ("personal-space", "stand-ins")  # what residents' browsers meet
STOP_SECONDS = 30
LONG_AGO = (0, 0)


@pytest.fixture
def local(tmp_path: Path, hub_environment: dict[str, str], servers: Servers, image: Callable[[str], Image]) -> Local:
    return Local(tmp_path, hub_environment, servers.valkey, image)


@pytest.mark.timeout(600)  # packages may have to be fetched
def test_every_service_starts_becomes_ready_and_stops_cleanly(
    local: Local, hub_environment: dict[str, str], listens: Callable[[int], bool]
) -> None:
    assert local.start("migrate").wait(60) == 0
    running = {name: local.start(name) for name in SERVICES}
    try:
        canary = Canary(hub_environment["PERMIT_HUB_REDIS_URL"], local.prefix)
        pings = {name: [canary.send(queue) for queue in queues(SERVICES[name])] for name in running}
        for name, sent in pings.items():
            for ping in sent:
                eventually(partial(canary.was_answered, ping), f"an answer of {name}")
            assert running[name].poll() is None, local.log(name).read_text()
        canary.close()
        with local.hub("personal_space_hub_key") as signing:
            assert signing.space("r-nobody", wait=30) is None
        with local.hub(None) as unsigned, pytest.raises(HubRefused, match="signature_missing"):
            unsigned.space("r-nobody", wait=30)
        eventually(lambda: all(listens(int(port)) for port in local.ports.values()))
        eventually(lambda: local.is_healthy("beat"))
        serving = [name for name, service in SERVICES.items() if not queues(service)]
        assert [name for name in (*serving, "worker-consent") if not local.is_healthy(name)] == []
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
    for name in running:
        assert "provider.unconfigured" not in local.log(name).read_text(), name
    os.utime(local.folder / "beat", LONG_AGO)
    assert [name for name in serving if local.is_healthy(name)] == []


def test_browsers_and_containers_reach_them_at_the_same_addresses() -> None:
    for name, variable in (("personal-space", "PERSONAL_SPACE_URL"), ("stand-ins", "PERSONAL_SPACE_ISSUER")):
        address = urlsplit(SERVICES["personal-space"]["environment"][variable])
        assert address.hostname in SERVICES[name]["networks"]["default"]["aliases"]
        assert address.hostname.endswith(".localhost")
        assert SERVICES[name]["ports"] == [f"127.0.0.1:{address.port}:{address.port}"]
        assert f"--port={address.port}" in SERVICES[name]["command"]


def test_reminders_are_taken_by_what_stands_in_for_the_mail_server(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local.environment("worker-remind").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PERMIT_HUB_EMAIL_AUTHORITY", str(local.file("email_authority")))
    hub = settings.read("email", EmailSettings)
    stand_in = SANDBOX["services"][hub.host]
    told = stand_in["environment"]
    files = {name: local.file(name) for name in secrets(stand_in)}
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
    mail, residents = (SERVICES[name]["environment"] for name in ("worker-remind", "personal-space"))
    embedded = mailbox.prepare(tmp_path).environment(residents["PERSONAL_SPACE_URL"])
    assert set(embedded) - set(mail) == {"PERMIT_HUB_EMAIL_PASSWORD"}
    for setting in ("USER", "SECURITY", "SENDER", "SPACE_URL", "UNSUBSCRIBE_URL"):
        assert mail[f"PERMIT_HUB_EMAIL_{setting}"] == embedded[f"PERMIT_HUB_EMAIL_{setting}"]


def test_the_health_check_of_a_queue_without_a_worker_fails(
    image: Callable[[str], Image], hub_environment: dict[str, str]
) -> None:
    check = image("hub").run(
        "-c", "from ops.canary import check; raise SystemExit(check('jobs', seconds=0.2))", **hub_environment
    )
    assert check.returncode == 1
    assert "no worker answered on jobs" in check.stderr
    with redis.Redis.from_url(hub_environment["PERMIT_HUB_REDIS_URL"]) as client:
        assert client.llen(f"{hub_environment['PERMIT_HUB_REDIS_PREFIX']}jobs") == 1


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
