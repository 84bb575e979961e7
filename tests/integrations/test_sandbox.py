"""The sandbox: its control, its log, its two ports, its access folder, and a quick stop."""

import base64
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import trustme

from integrations import registry
from integrations.sandbox import access, records, server
from integrations.sandbox.records import Record
from tests.integrations.toys import RECORD, Secured, Served, Toy, served


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("sandbox"), log_limit=4) as toys:
        yield toys


@pytest.fixture
def toys(running: Served) -> Served:
    running.control.reset()
    return running


def put(toys: Served, reference: UUID, **headers: str) -> httpx.Response:
    return httpx.put(f"{toys.addresses.plain}/plain/things/{reference}?x=1", headers=headers)


def test_every_registered_provider_has_a_sandbox() -> None:
    assert server.find().keys() == registry.ADAPTERS.keys()


def test_requests_are_listed_in_order_with_their_times(toys: Served) -> None:
    references = [uuid4() for _ in range(3)]
    for reference in references:
        put(toys, reference)

    requests = toys.control.requests("plain")

    assert [request.references for request in requests] == [[str(reference)] for reference in references]
    assert [request.path for request in requests] == [f"/things/{reference}?x=1" for reference in references]
    assert [request.sequence for request in requests] == [1, 2, 3]
    assert [request.status for request in requests] == [200] * 3
    times = [time for request in requests for time in (request.arrived_ms, request.applied_ms)]
    assert times == sorted(times, key=lambda time: time or 0.0)
    assert toys.control.requests("plain", references[1]) == requests[1:2]
    assert toys.control.requests("plain", after=2) == requests[2:]


def test_only_the_latest_requests_are_kept(toys: Served) -> None:
    for _ in range(7):
        put(toys, uuid4())

    assert [request.sequence for request in toys.control.requests("plain")] == [4, 5, 6, 7]
    assert toys.control.counts("plain").received == 7


def test_listed_requests_show_no_secrets(toys: Served) -> None:
    secrets = toys.access.secrets["plain"]
    pair = base64.b64encode(f"{secrets['client_id']}:{secrets['key']}".encode()).decode()
    put(toys, uuid4(), **{"x-api-key": secrets["key"]})
    put(toys, uuid4(), Authorization=f"ApiKey {secrets['key']}")
    put(toys, uuid4(), Authorization=f"Basic {pair}")
    put(toys, uuid4(), Authorization="Bearer a-token-of-theirs")

    shown = [request.headers for request in toys.control.requests("plain")]

    assert shown[0]["x-api-key"] == "[the right key]"
    assert [headers["Authorization"] for headers in shown[1:]] == [
        "ApiKey [the right key]",
        "Basic [the right client_id]:[the right key]",
        "Bearer [a token]",
    ]


def test_listed_requests_show_no_secret_of_a_body(toys: Served) -> None:
    httpx.post(f"{toys.addresses.plain}/plain/token", data={"client_secret": toys.key})

    assert toys.control.requests("plain")[0].body == "client_secret=[the right key]"


def test_the_counts_match_the_requests(toys: Served) -> None:
    reference = uuid4()
    put(toys, reference)
    put(toys, reference)
    httpx.get(f"{toys.addresses.plain}/plain/things/{reference}")

    counts = toys.control.counts("plain")

    assert (counts.held, counts.foreign, counts.received, counts.applied) == (1, 0, 3, 2)
    assert toys.control.held("plain", uuid4()) == {}
    assert toys.control.held("plain") == {reference: RECORD}
    assert toys.control.counts("secured").received == 0


def test_a_providers_copies_can_be_changed_behind_the_hubs_back(toys: Served) -> None:
    reference = uuid4()
    other = Record("QQ111QQ", None, ("75015", "75014"), None, RECORD.first_day, RECORD.last_day)
    put(toys, reference)

    toys.control.hold("plain", reference, other)
    toys.control.hold("plain", "not-ours", RECORD)

    assert toys.control.held("plain") == {reference: other}
    assert (toys.control.counts("plain").held, toys.control.counts("plain").foreign) == (2, 1)
    toys.control.drop("plain", reference)
    toys.control.drop("plain", uuid4())
    assert toys.control.held("plain") == {}


def test_a_provider_can_be_filled_with_very_many_copies(toys: Served) -> None:
    toys.control.hold_many("plain", 3)

    held = toys.control.held("plain")

    assert held == {UUID(reference): record for reference, record in map(records.numbered, (1, 2, 3))}


@pytest.mark.parametrize("order", [{}, {"reference": 3, "record": {}}, {"reference": "r", "record": {}}, []])
def test_invalid_copies_are_refused(toys: Served, order: object) -> None:
    assert httpx.post(f"{toys.addresses.plain}/_control/plain/hold", json=order).status_code == 400


def test_one_provider_or_all_can_be_reset(toys: Served) -> None:
    toys.control.hold("plain", uuid4(), RECORD)
    toys.control.hold("secured", uuid4(), RECORD)

    toys.control.reset("plain")
    assert (toys.control.counts("plain").held, toys.control.counts("secured").held) == (0, 1)
    toys.control.reset()
    assert toys.control.counts("secured").held == 0


def test_an_unknown_provider_is_not_found(toys: Served) -> None:
    assert httpx.get(f"{toys.addresses.plain}/nobody/x").status_code == 404
    assert httpx.get(f"{toys.addresses.plain}/_control/nobody/held").status_code == 404
    assert httpx.get(f"{toys.addresses.plain}/_control/plain/secrets").status_code == 404


def test_an_answer_may_have_another_content_type(toys: Served) -> None:
    assert httpx.get(f"{toys.addresses.plain}/plain/page").headers["Content-Type"] == "text/html"


def test_a_provider_behind_https_is_not_reached_by_http(toys: Served) -> None:
    assert httpx.post(f"{toys.addresses.plain}/secured/token").status_code == 404
    assert toys.control.counts("secured").received == 0


@pytest.mark.parametrize("certificate", [True, False])
def test_a_provider_knows_whether_a_client_certificate_was_shown(toys: Served, certificate: bool) -> None:
    context = toys.client_context(certificate=certificate)

    answer = httpx.post(f"{toys.addresses.tls}/secured/token", verify=context)

    assert answer.json() == {"certificate": certificate}


def test_a_certificate_of_another_authority_ends_the_connection(toys: Served, tmp_path: Path) -> None:
    stranger = trustme.CA().issue_cert("permit-hub", common_name="permit-hub")
    stranger.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    context = toys.client_context(certificate=False)
    context.load_cert_chain(tmp_path / "client.pem")

    with pytest.raises(httpx.TransportError):
        httpx.post(f"{toys.addresses.tls}/secured/token", verify=context)
    assert toys.control.counts("secured").received == 0


def test_a_client_without_the_authority_does_not_trust_the_server(toys: Served) -> None:
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        httpx.post(f"{toys.addresses.tls}/secured/token", verify=ssl.create_default_context())


def test_credentials_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "here"
    servers = {"plain": Toy, "secured": Secured}
    first = access.load_or_make(folder, servers)
    content = {file.name: file.read_bytes() for file in folder.iterdir()}

    again = access.load_or_make(folder, servers)

    assert again == first
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == content
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    values = [value for secrets in first.secrets.values() for value in secrets.values()]
    assert len(set(values)) == 4
    assert not any(value in repr(first) for value in values)


def test_the_access_file_leads_a_hub_to_each_provider(tmp_path: Path) -> None:
    made = access.load_or_make(tmp_path, {"plain": Toy, "secured": Secured})

    found = made.environment("http://here:1", "https://here:2")

    assert found == {
        "PERMIT_HUB_DEVELOPMENT": "true",
        "PERMIT_HUB_PLAIN_URL": "http://here:1/plain",
        "PERMIT_HUB_PLAIN_DOMAIN": "PAR",
        "PERMIT_HUB_PLAIN_KEY": made.secrets["plain"]["key"],
        "PERMIT_HUB_PLAIN_CLIENT_ID": made.secrets["plain"]["client_id"],
        "PERMIT_HUB_SECURED_URL": "https://here:2/secured",
        "PERMIT_HUB_SECURED_DOMAIN": "PAR",
        "PERMIT_HUB_SECURED_KEY": made.secrets["secured"]["key"],
        "PERMIT_HUB_SECURED_CLIENT_ID": made.secrets["secured"]["client_id"],
        "PERMIT_HUB_SECURED_AUTHORITY": str(made.authority),
        "PERMIT_HUB_SECURED_CERTIFICATE": str(made.client_certificate),
    }


def test_a_restart_keeps_the_folders_access_and_nothing_else(tmp_path: Path) -> None:
    for _ in range(2):
        with started(tmp_path) as (process, url):
            httpx.post(f"{url}/_control/easypark/hold", json={"count": 5}).raise_for_status()
            kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
            assert httpx.get(f"{url}/_control/easypark/counts").json()["held"] == 5
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept


def test_the_sandbox_stops_at_once_during_a_request(tmp_path: Path) -> None:
    with started(tmp_path) as (process, url):
        httpx.post(f"{url}/_control/easypark/misbehave", json={"kind": "hang"}).raise_for_status()
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/easypark/", timeout=0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def test_a_taken_port_is_named(toys: Served, tmp_path: Path) -> None:
    port = toys.addresses.plain.rpartition(":")[2]

    done = subprocess.run(command(tmp_path, port), capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = subprocess.run(command(tmp_path / "file" / "x", "0"), capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert str(tmp_path / "file" / "x") in done.stderr
    assert "Traceback" not in done.stderr


def command(folder: Path, port: str) -> list[str]:
    return [sys.executable, "-m", "integrations.sandbox", "--folder", str(folder), "--port", port, "--tls-port", "0"]


@contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a sandbox in a process of its own; its first output line is its address."""
    with subprocess.Popen(command(folder, "0"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
