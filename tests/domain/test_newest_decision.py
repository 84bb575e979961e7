"""An allowance counts only if it was decided after the latest refusal; clocks may differ a little."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.receipts import RefusalCode
from worker.domain.consent import CLOCKS_APART, check_newer, counts_from
from worker.domain.refusal import JobRefusedError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
INSTANT, MINUTE = timedelta(microseconds=1), timedelta(minutes=1)


@pytest.mark.parametrize("decided_at", [NOON, NOON - INSTANT, NOON - timedelta(days=400)])
def test_an_allowance_not_newer_than_a_refusal_is_stale(decided_at: datetime) -> None:
    with pytest.raises(JobRefusedError) as refused:
        check_newer(decided_at, NOON, NOON + MINUTE)
    assert (refused.value.code, refused.value.field) == (RefusalCode.CONSENT_STALE, "decided_at")


@pytest.mark.parametrize("refused_at", [None, NOON - INSTANT, NOON - timedelta(days=400)])
def test_an_allowance_newer_than_the_refusal_counts(refused_at: datetime | None) -> None:
    check_newer(NOON, refused_at, NOON + MINUTE)


def test_an_allowance_from_a_clock_slightly_ahead_counts_as_made_now() -> None:
    check_newer(NOON + CLOCKS_APART, NOON - INSTANT, NOON)
    with pytest.raises(JobRefusedError) as refused:
        check_newer(NOON + CLOCKS_APART, NOON, NOON)
    assert refused.value.code is RefusalCode.CONSENT_STALE


def test_an_allowance_from_the_future_is_refused() -> None:
    with pytest.raises(JobRefusedError) as refused:
        check_newer(NOON + CLOCKS_APART + INSTANT, None, NOON)
    assert (refused.value.code, refused.value.field) == (RefusalCode.INVALID_DATE, "decided_at")


def test_a_refusal_dated_ahead_counts_from_when_it_was_recorded() -> None:
    assert counts_from(NOON + timedelta(days=365), NOON) == NOON
    assert counts_from(NOON - MINUTE, NOON) == NOON - MINUTE
