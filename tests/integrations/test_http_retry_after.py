"""The HTTP client: Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.retry_after import retry_after
from tests.integrations.scripted import always, failure, reply

HOUR = 3_600.0  # the longest wait, even if a provider asks for more


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999999", HOUR),
        ("9999999999", HOUR),
        ("9" * 5_000, HOUR),
        ("1e9", HOUR),
        ("1e999", HOUR),
        ("120.5", 120.5),
        ("+7", 7.0),
        (" \t7 ", 7.0),
        ("007", 7.0),
        ("120, 240", 240.0),
        ("120, soon", None),
        ("-3", None),
        ("0x10", None),
        ("1_000", None),
        ("nan", None),
        ("inf", None),
        ("12 seconds", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Sun Nov  6 08:49:37 1994", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", HOUR),
        ("Friday, 31-Dec-60 23:59:59 GMT", HOUR),
        ("Fri Dec 31 23:59:59 9999", HOUR),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", HOUR),
        ("Wed, 41 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    found = failure(always(reply("429 Too Many Requests", b"", f"Retry-After: {value}")))

    assert found.retry_after == seconds


@pytest.mark.parametrize(
    "status", ["408 Gone Slow", "425 Too Early", "429 No", "500 No", "502 No", "503 No", "504 No", "302 No", "403 No"]
)
def test_retry_after_is_read_with_every_failure(status: str) -> None:
    assert failure(always(reply(status, b"", "Retry-After: 7"))).retry_after == 7.0


def test_the_longest_of_several_headers_counts() -> None:
    found = failure(always(reply("429 No", b"", "Retry-After: 7", "Retry-After: 70", "Retry-After: soon")))

    assert found.retry_after == 70.0


FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1995, 2050))


def asked(value: str, *, date: datetime | None = None) -> float | None:
    dated = {} if date is None else {b"Date": format_datetime(date, usegmt=True).encode()}
    return retry_after(httpx.Headers({b"Retry-After": value.encode("latin-1"), **dated}))


@given(st.text("0123456789", min_size=1, max_size=6_000))
def test_any_number_of_seconds_counts_up_to_an_hour(digits: str) -> None:
    significant = digits.lstrip("0") or "0"

    assert asked(digits) == (HOUR if len(significant) > 5 else min(int(significant), HOUR))


@given(st.integers(FIRST, LAST), st.integers(-(10**6), 10**6))
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
def test_a_date_in_any_form_of_http_counts_like_seconds(form: str, theirs: int, ahead: int) -> None:
    now = datetime.fromtimestamp(theirs, UTC)
    until = now + timedelta(seconds=ahead)

    assert asked(until.strftime(form), date=now) == min(max(ahead, 0), HOUR)


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"])))
def test_any_value_is_none_or_at_most_an_hour(value: str) -> None:
    found = asked(value)

    assert found is None or 0 <= found <= HOUR


def test_a_date_is_compared_with_their_date_header() -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    until = format_datetime(theirs + timedelta(seconds=90), usegmt=True)
    date = format_datetime(theirs, usegmt=True)

    found = failure(always(reply("503 Service Unavailable", b"", f"Date: {date}", f"Retry-After: {until}")))

    assert found.retry_after == 90.0


def test_a_date_is_compared_with_our_clock_if_they_send_no_date() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    found = failure(always(reply("503 Service Unavailable", b"", f"Retry-After: {until}")))

    assert found.retry_after is not None
    assert 60 < found.retry_after <= 90
