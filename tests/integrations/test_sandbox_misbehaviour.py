"""Every misbehaviour of the sandbox does what its name says, as a client sees it that reads bytes."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from integrations.sandbox.misbehaviour import Kind
from tests.integrations.subjects import wait_until
from tests.integrations.toys import Served, served

DELAY_MS = 150.0
TOO_SHORT_SECONDS = 0.2
A_DATE = "Wed, 21 Oct 2037 07:28:00 GMT"


class Seen(NamedTuple):
    """An answer, and how long it took in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("sandbox")) as toys:
        yield toys


@pytest.fixture
def toys(running: Served) -> Served:
    running.control.reset()
    return running


@pytest.fixture
def reference() -> UUID:
    return uuid4()


def ask(toys: Served, method: str, path: str, body: bytes = b"") -> Seen:
    """Send a request over a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(toys.addresses.plain).netloc, timeout=10)
    try:
        begun = time.monotonic()
        connection.request(method, f"/plain{path}", body)
        answer = connection.getresponse()
        content = answer.read()
        return Seen(answer.status, dict(answer.getheaders()), content, time.monotonic() - begun)
    finally:
        connection.close()


def put(toys: Served, reference: UUID) -> Seen:
    return ask(toys, "PUT", f"/things/{reference}", b"{}")


def holds(toys: Served, reference: UUID) -> bool:
    return reference in toys.control.held("plain", reference)


@pytest.mark.parametrize(
    ("kind", "status", "applied"),
    [
        (Kind.DOWN, 503, False),
        (Kind.THROTTLED, 429, False),
        (Kind.ERROR_BEFORE, 500, False),
        (Kind.ERROR_AFTER, 500, True),
    ],
)
def test_an_error_status_comes_before_or_after_applying(
    toys: Served, reference: UUID, kind: Kind, status: int, applied: bool
) -> None:
    toys.control.misbehave("plain", kind, count=1)

    assert put(toys, reference).status == status
    assert holds(toys, reference) == applied
    assert put(toys, reference).status == 200


@pytest.mark.parametrize("kind", [Kind.DOWN, Kind.THROTTLED])
@pytest.mark.parametrize("retry_after", ["7", A_DATE])
def test_when_to_come_back_is_told_in_seconds_or_as_a_date(
    toys: Served, reference: UUID, kind: Kind, retry_after: str
) -> None:
    toys.control.misbehave("plain", kind, retry_after=retry_after)

    assert put(toys, reference).headers["Retry-After"] == retry_after


def test_a_hang_answers_nothing_and_applies_nothing(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.HANG, count=1)

    assert _is_silent(toys, reference)
    assert not holds(toys, reference)
    assert toys.control.requests("plain", reference)[0].status is None


def test_a_hang_may_apply_in_the_end(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.HANG, count=1, delay_ms=TOO_SHORT_SECONDS * 2000)

    assert _is_silent(toys, reference)
    assert not holds(toys, reference)
    wait_until(lambda: holds(toys, reference))


@pytest.mark.parametrize(("kind", "applied"), [(Kind.RESET_BEFORE, False), (Kind.RESET_AFTER, True)])
def test_a_reset_comes_before_or_after_applying(toys: Served, reference: UUID, kind: Kind, applied: bool) -> None:
    toys.control.misbehave("plain", kind, count=1)

    with pytest.raises(ConnectionResetError):
        put(toys, reference)
    assert holds(toys, reference) == applied


def test_late_is_an_error_first_and_applied_afterwards(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LATE, count=1, delay_ms=DELAY_MS)

    assert put(toys, reference).status == 504
    assert not holds(toys, reference)
    wait_until(lambda: holds(toys, reference))
    (request,) = toys.control.requests("plain", reference)
    assert request.applied_ms is not None
    assert request.applied_ms - request.arrived_ms >= DELAY_MS


def test_a_late_removal_takes_away_what_was_put_meanwhile(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LATE, count=1, method="DELETE", delay_ms=DELAY_MS)

    assert ask(toys, "DELETE", f"/things/{reference}").status == 504
    put(toys, reference)
    assert holds(toys, reference)
    wait_until(lambda: not holds(toys, reference))


def test_slow_is_right_after_a_while(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.SLOW, count=1, delay_ms=DELAY_MS)

    seen = put(toys, reference)

    assert seen.seconds >= DELAY_MS / 1000
    assert (seen.status, json.loads(seen.body)) == (200, {"stored": str(reference)})


@pytest.mark.parametrize("secured", [False, True])
def test_a_trickle_is_right_a_byte_at_a_time(toys: Served, reference: UUID, secured: bool) -> None:
    name = "secured" if secured else "plain"
    toys.control.misbehave(name, Kind.TRICKLE, count=1, delay_ms=DELAY_MS)
    pieces: list[bytes] = []

    begun = time.monotonic()
    with _connected(toys, secured=secured) as connection:
        connection.sendall(_request("PUT", f"/{name}/things/{reference}"))
        while piece := connection.recv(65536):
            pieces.append(piece)
    seconds = time.monotonic() - begun

    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"stored": str(reference)}
    assert len(pieces) > 20
    assert seconds >= DELAY_MS / 1000 * 0.9
    assert reference in toys.control.held(name)


def test_an_answer_without_a_body_trickles_too(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.TRICKLE, count=1, delay_ms=DELAY_MS)

    seen = ask(toys, "DELETE", f"/things/{reference}")

    assert (seen.status, seen.body) == (204, b"")
    assert seen.seconds >= DELAY_MS / 1000 * 0.9


def test_html_is_a_page_instead_of_an_answer(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.HTML, count=1)

    seen = put(toys, reference)

    assert seen.status == 200
    assert seen.headers["Content-Type"].startswith("text/html")
    assert not holds(toys, reference)


def test_a_truncated_answer_is_no_json(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.TRUNCATED, count=1)

    seen = put(toys, reference)

    assert seen.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.body)
    assert holds(toys, reference)


def test_a_redirect_leads_to_another_host(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.REDIRECT, count=1)

    seen = put(toys, reference)

    assert seen.status == 307
    assert urlsplit(seen.headers["Location"]).hostname == "elsewhere.invalid"
    assert not holds(toys, reference)


def test_a_large_answer_has_more_than_a_megabyte(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LARGE, count=1)

    assert len(put(toys, reference).body) > 1_000_000
    assert holds(toys, reference)


def test_an_expired_certificate_is_shown_until_it_is_replaced(toys: Served) -> None:
    context = toys.client_context()
    with _connected(toys, secured=True) as open_before:
        open_before.sendall(_request("POST", "/secured/token"))
        assert open_before.recv(65536).startswith(b"HTTP/1.1 200")

        toys.control.misbehave("secured", Kind.EXPIRED_CERTIFICATE)

        assert open_before.recv(65536) == b""
    for _ in range(2):
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
            _secured(toys, context)
    toys.control.behave("secured")
    _secured(toys, context).close()


def test_an_expired_certificate_can_be_shown_to_some_handshakes_only(toys: Served) -> None:
    context = toys.client_context()
    toys.control.misbehave("secured", Kind.EXPIRED_CERTIFICATE, count=1)

    with pytest.raises(ssl.SSLCertVerificationError):
        _secured(toys, context)
    _secured(toys, context).close()


def test_a_partial_batch_applies_its_first_half(toys: Served) -> None:
    references = [uuid4() for _ in range(5)]
    toys.control.misbehave("plain", Kind.PARTIAL_BATCH, count=1)

    assert _batch(toys, references).status == 500
    assert list(toys.control.held("plain")) == references[:2]
    assert toys.control.counts("plain").applied == 2


def test_a_missing_row_is_applied(toys: Served) -> None:
    references = [uuid4() for _ in range(3)]
    toys.control.misbehave("plain", Kind.ROW_MISSING, count=1)

    assert json.loads(_batch(toys, references).body) == [str(one) for one in references[:2]]
    assert list(toys.control.held("plain")) == references


def test_what_is_about_batches_waits_for_one(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.PARTIAL_BATCH, count=1)

    assert put(toys, reference).status == 200
    assert _batch(toys, [reference]).status == 500


def test_what_is_about_operations_waits_for_a_change(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LOST_OPERATION, count=1, delay_ms=7)

    assert ask(toys, "GET", f"/things/{reference}").status == 404
    assert json.loads(put(toys, reference).body) == {"operation": "lost, 7.0"}


def test_an_expired_token_is_refused_and_nothing_applied(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.EXPIRED_TOKEN, count=1)

    assert put(toys, reference).status == 401
    assert not holds(toys, reference)


@pytest.mark.parametrize(("provider", "kind"), [("plain", Kind.EXPIRED_CERTIFICATE), ("plain", Kind.LATE_OPERATION)])
def test_what_a_provider_is_not_capable_of_is_refused(toys: Served, provider: str, kind: Kind) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        toys.control.misbehave(provider, kind)


def test_a_part_of_the_requests_can_suffer(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, rate=0.25, method="PUT")

    assert [put(toys, reference).status for _ in range(8)] == [200, 200, 200, 503] * 2
    assert [ask(toys, "DELETE", f"/things/{reference}").status for _ in range(4)] == [204] * 4
    toys.control.behave("plain")
    assert [put(toys, reference).status for _ in range(4)] == [200] * 4


def test_only_requests_below_a_path_can_suffer(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, path="/token")

    assert put(toys, reference).status == 200
    assert ask(toys, "POST", "/token").status == 503


def test_orders_are_followed_in_turn(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, count=1)
    toys.control.misbehave("plain", Kind.THROTTLED, count=1)

    assert [put(toys, reference).status for _ in range(3)] == [503, 429, 200]


def test_a_misbehaviour_can_end_by_itself(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, seconds=0.1)

    assert put(toys, reference).status == 503
    wait_until(lambda: put(toys, reference).status == 200)


def test_a_reset_forgets_what_was_still_to_be_applied(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LATE, count=1, delay_ms=50)
    put(toys, reference)
    toys.control.reset("plain")

    toys.control.misbehave("plain", Kind.SLOW, count=1, delay_ms=100)
    later = uuid4()
    put(toys, later)

    assert toys.control.held("plain").keys() == {later}


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "sulk"},
        {"kind": "down", "rate": 2},
        {"kind": "down", "count": 0},
        {"kind": "down", "often": 1},
        [],
        {"kind": []},
        {"kind": "down", "method": "FETCH"},
        {"kind": "down", "path": "token"},
        {"kind": "down", "retry_after": 3},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(toys: Served, order: object) -> None:
    answer = httpx.post(f"{toys.addresses.plain}/_control/plain/misbehave", json=order)

    assert answer.status_code == 400
    assert answer.json()["problem"]


def _is_silent(toys: Served, reference: UUID) -> bool:
    with _connected(toys) as connection:
        connection.sendall(_request("PUT", f"/plain/things/{reference}"))
        connection.settimeout(TOO_SHORT_SECONDS)
        try:
            connection.recv(1)
        except TimeoutError:
            return True
    return False


def _batch(toys: Served, references: list[UUID]) -> Seen:
    return ask(toys, "POST", "/batch", json.dumps([str(one) for one in references]).encode())


def _request(method: str, path: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def _connected(toys: Served, *, secured: bool = False) -> socket.socket:
    if secured:
        return _secured(toys, toys.client_context())
    address = urlsplit(toys.addresses.plain)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)


def _secured(toys: Served, context: ssl.SSLContext) -> ssl.SSLSocket:
    address = urlsplit(toys.addresses.tls)
    plain = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10)
    try:
        return context.wrap_socket(plain, server_hostname=address.hostname)
    except ssl.SSLError:
        plain.close()
        raise
