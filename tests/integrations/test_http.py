"""The HTTP client: the error for each answer."""

import pytest

from integrations.answers import LARGEST_ANSWER
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.http import Response
from tests.integrations.scripted import always, exchange, failure, reply


def test_a_success_is_returned() -> None:
    assert exchange(always(reply("200 OK", b'{"id":1}'))) == Response(200, {"id": 1})


def test_an_empty_success_is_none() -> None:
    assert exchange(always(reply("204 No Content", b""))) == Response(204, None)


def test_an_accepted_status_is_returned() -> None:
    assert exchange(always(reply("404 Not Found", b'{"no":1}')), accept=(404,)) == Response(404, {"no": 1})


def test_an_accepted_status_that_is_not_json_is_unclear() -> None:
    with pytest.raises(UnclearError):
        exchange(always(reply("404 Not Found", b"<html>")), accept=(404,))


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        ("400 Bad Request", b'{"no":"plate"}', RejectedError, FailureCode.PLATE_REFUSED),
        ("409 Conflict", b'{"no":"idea"}', RejectedError, FailureCode.REQUEST_REFUSED),
        ("400 Bad Request", b"<html>", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("404 Not Found", b"", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("401 Unauthorized", b"{}", NotSentError, FailureCode.UNAUTHORISED),
        ("403 Forbidden", b"<html>", NotSentError, FailureCode.UNAUTHORISED),
        ("408 Request Timeout", b"", NotSentError, FailureCode.UNAVAILABLE),
        ("429 Too Many Requests", b"", NotSentError, FailureCode.THROTTLED),
        ("503 Service Unavailable", b"<html>", UnclearError, FailureCode.UNAVAILABLE),
        ("500 Internal Server Error", b"{}", UnclearError, FailureCode.SERVER_ERROR),
        ("504 Gateway Timeout", b"", UnclearError, FailureCode.TIMED_OUT),
        ("302 Found", b"", UnclearError, FailureCode.REDIRECTED),
        ("200 OK", b"<html>", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b'{"id":', UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b"[" * 100_000, UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b"\xff\xfe", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b"1" * (LARGEST_ANSWER + 1), UnclearError, FailureCode.ANSWER_TOO_LARGE),
    ],
)
def test_each_status_has_its_error(status: str, body: bytes, kind: type[ProviderError], code: FailureCode) -> None:
    found = failure(always(reply(status, body)))

    assert type(found) is kind
    assert found.code == code
    assert found.status == (int(status.partition(" ")[0]))


def test_a_responses_repr_shows_no_data() -> None:
    assert "QJ817XK" not in repr(Response(200, {"plate": "QJ817XK"}))
