"""Every misbehaviour of the sandbox, as seen by a client that reads raw bytes."""

import json
import ssl
import time
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest

from integrations.sandbox.misbehaviour import Kind
from tests.integrations.reading import TOO_SHORT_SECONDS, ask, batch, connected, holds, is_silent, put, request, secured
from tests.integrations.toys import Served
from tests.support.waiting import eventually

DELAY_MS = 150.0
A_DATE = "Wed, 21 Oct 2037 07:28:00 GMT"


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
def test_retry_after_is_sent_in_seconds_or_as_a_date(
    toys: Served, reference: UUID, kind: Kind, retry_after: str
) -> None:
    toys.control.misbehave("plain", kind, retry_after=retry_after)

    assert put(toys, reference).headers["Retry-After"] == retry_after


def test_a_hang_neither_answers_nor_applies(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.HANG, count=1)

    assert is_silent(toys, reference)
    assert not holds(toys, reference)
    assert toys.control.requests("plain", reference)[0].status is None


def test_a_hang_may_apply_at_its_end(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.HANG, count=1, delay_ms=TOO_SHORT_SECONDS * 2000)

    assert is_silent(toys, reference)
    assert not holds(toys, reference)
    eventually(lambda: holds(toys, reference))


@pytest.mark.parametrize(("kind", "applied"), [(Kind.RESET_BEFORE, False), (Kind.RESET_AFTER, True)])
def test_a_reset_comes_before_or_after_applying(toys: Served, reference: UUID, kind: Kind, applied: bool) -> None:
    toys.control.misbehave("plain", kind, count=1)

    with pytest.raises(ConnectionResetError):
        put(toys, reference)
    assert holds(toys, reference) == applied


def test_late_answers_with_an_error_and_applies_afterwards(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LATE, count=1, delay_ms=DELAY_MS)

    assert put(toys, reference).status == 504
    assert not holds(toys, reference)
    eventually(lambda: holds(toys, reference))
    (request,) = toys.control.requests("plain", reference)
    assert request.applied_ms is not None
    assert request.applied_ms - request.arrived_ms >= DELAY_MS


def test_a_late_removal_removes_a_put_made_meanwhile(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LATE, count=1, method="DELETE", delay_ms=DELAY_MS)

    assert ask(toys, "DELETE", f"/things/{reference}").status == 504
    put(toys, reference)
    assert holds(toys, reference)
    eventually(lambda: not holds(toys, reference))


def test_slow_answers_correctly_after_a_while(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.SLOW, count=1, delay_ms=DELAY_MS)

    seen = put(toys, reference)

    assert seen.seconds >= DELAY_MS / 1000
    assert (seen.status, json.loads(seen.body)) == (200, {"stored": str(reference)})


@pytest.mark.parametrize("name", ["plain", "secured"])
def test_trickle_answers_correctly_byte_by_byte(toys: Served, reference: UUID, name: str) -> None:
    toys.control.misbehave(name, Kind.TRICKLE, count=1, delay_ms=DELAY_MS)
    pieces: list[bytes] = []

    begun = time.monotonic()
    with secured(toys, toys.client_context()) if name == "secured" else connected(toys) as connection:
        connection.sendall(request("PUT", f"/{name}/things/{reference}"))
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


def test_html_answers_with_a_page(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.HTML, count=1)

    seen = put(toys, reference)

    assert seen.status == 200
    assert seen.headers["Content-Type"].startswith("text/html")
    assert not holds(toys, reference)


def test_truncated_answers_with_broken_json(toys: Served, reference: UUID) -> None:
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
    with secured(toys, context) as open_before:
        open_before.sendall(request("POST", "/secured/token"))
        assert open_before.recv(65536).startswith(b"HTTP/1.1 200")

        toys.control.misbehave("secured", Kind.EXPIRED_CERTIFICATE)

        assert open_before.recv(65536) == b""
    for _ in range(2):
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
            secured(toys, context)
    toys.control.behave("secured")
    secured(toys, context).close()


def test_an_expired_certificate_can_be_shown_to_some_handshakes_only(toys: Served) -> None:
    context = toys.client_context()
    toys.control.misbehave("secured", Kind.EXPIRED_CERTIFICATE, count=1)

    with pytest.raises(ssl.SSLCertVerificationError):
        secured(toys, context)
    secured(toys, context).close()


def test_a_partial_batch_applies_its_first_half(toys: Served) -> None:
    references = [uuid4() for _ in range(5)]
    toys.control.misbehave("plain", Kind.PARTIAL_BATCH, count=1)

    assert batch(toys, references).status == 500
    assert list(toys.control.held("plain")) == references[:2]
    assert toys.control.counts("plain").applied == 2


def test_a_missing_row_is_applied(toys: Served) -> None:
    references = [uuid4() for _ in range(3)]
    toys.control.misbehave("plain", Kind.ROW_MISSING, count=1)

    assert json.loads(batch(toys, references).body) == [str(one) for one in references[:2]]
    assert list(toys.control.held("plain")) == references


def test_a_batch_misbehaviour_waits_for_a_batch(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.PARTIAL_BATCH, count=1)

    assert put(toys, reference).status == 200
    assert batch(toys, [reference]).status == 500


def test_an_operation_misbehaviour_waits_for_a_change(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LOST_OPERATION, count=1, delay_ms=7)

    assert ask(toys, "GET", f"/things/{reference}").status == 404
    assert json.loads(put(toys, reference).body) == {"operation": "lost, 7.0"}


def test_expired_tokens_are_refused_and_nothing_applied(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.EXPIRED_TOKEN, count=1)

    assert put(toys, reference).status == 401
    assert not holds(toys, reference)
