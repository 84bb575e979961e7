"""The HTTP seam: when a provider wants to be asked again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations.http import LONGEST_RETRY_AFTER
from tests.integrations.scripted import always, failure, reply


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999999", LONGEST_RETRY_AFTER),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    found = failure(always(reply("429 Too Many Requests", b"", f"Retry-After: {value}")))

    assert found.retry_after == seconds


def test_a_date_to_retry_after_is_measured_on_their_clock() -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    until = format_datetime(theirs + timedelta(seconds=90), usegmt=True)
    date = format_datetime(theirs, usegmt=True)

    found = failure(always(reply("503 Service Unavailable", b"", f"Date: {date}", f"Retry-After: {until}")))

    assert found.retry_after == 90.0


def test_a_date_to_retry_after_works_without_their_clock() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    found = failure(always(reply("503 Service Unavailable", b"", f"Retry-After: {until}")))

    assert found.retry_after is not None
    assert 60 < found.retry_after <= 90
