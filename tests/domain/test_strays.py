"""Which confirmations are provisional: a stray put may undo a removal, any stray may undo a put."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from worker.domain.sharing import (
    NOTHING,
    RequestOutcome,
    Result,
    Share,
    Timing,
    Urgency,
    claim,
    invalidate,
    record,
    want,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMING = Timing(lease=timedelta(seconds=7), settle=timedelta(seconds=60))
PUT = b"a plate"
LATE = UUID(int=1)
"""A lease that was lost."""


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def send(share: Share, wanted: bytes, outcome: RequestOutcome, seconds: float) -> Share:
    """Want a version, claim it and record its outcome, all at one moment."""
    lease = uuid4()
    claimed = claim(want(share, Urgency.CONSENT, at(seconds)), wanted, lease, at(seconds), TIMING)
    assert claimed.lease_id == lease
    return record(claimed, lease, Result(outcome), at(seconds), TIMING)


@pytest.fixture
def held() -> Share:
    return send(Share(due_at=NOW), PUT, RequestOutcome.CONFIRMED, 0)


@pytest.mark.parametrize("outcome", [RequestOutcome.UNCLEAR, RequestOutcome.LOST])
def test_a_removal_after_an_unclear_removal_is_settled_at_once(held: Share, outcome: RequestOutcome) -> None:
    share = send(send(held, NOTHING, outcome, 0), NOTHING, RequestOutcome.CONFIRMED, 1)
    assert (share.holds, share.confirmed_hash, share.confirmed_at) == (False, NOTHING, at(1))
    assert share.confirmed_version == share.wanted_version


@pytest.mark.parametrize("outcome", [RequestOutcome.UNCLEAR, RequestOutcome.LOST])
def test_a_removal_after_an_unclear_put_is_provisional_for_t(held: Share, outcome: RequestOutcome) -> None:
    astray = send(held, b"another", outcome, 0)
    assert send(astray, NOTHING, RequestOutcome.CONFIRMED, 59).holds is None
    assert send(astray, NOTHING, RequestOutcome.CONFIRMED, 60).holds is False


@pytest.mark.parametrize("stray", [PUT, NOTHING])
def test_a_put_after_any_stray_is_provisional_for_t(held: Share, stray: Any) -> None:
    astray = send(held, b"another" if stray is PUT else stray, RequestOutcome.UNCLEAR, 0)
    assert send(astray, PUT, RequestOutcome.CONFIRMED, 59).holds is None
    assert send(astray, PUT, RequestOutcome.CONFIRMED, 60).holds is True


def test_a_put_within_t_of_a_settled_removal_is_provisional(held: Share) -> None:
    removed = send(send(held, NOTHING, RequestOutcome.UNCLEAR, 0), NOTHING, RequestOutcome.CONFIRMED, 1)
    share = send(removed, PUT, RequestOutcome.CONFIRMED, 2)
    assert (share.holds, share.due_at) == (None, at(60))
    assert send(share, PUT, RequestOutcome.CONFIRMED, 60).holds is True


def test_a_known_removal_is_not_repeated_beside_a_stray_removal(held: Share) -> None:
    removed = send(send(held, NOTHING, RequestOutcome.UNCLEAR, 0), NOTHING, RequestOutcome.CONFIRMED, 1)
    again = claim(want(removed, Urgency.CONSENT, at(2)), NOTHING, lease := uuid4(), at(2), TIMING)
    assert again.lease_id != lease
    assert (again.holds, again.confirmed_version) == (False, again.wanted_version)
    assert again.unsettled_until == at(60)


def test_unclear_removals_do_not_change_the_settling_time_of_an_earlier_put(held: Share) -> None:
    share = send(held, b"another", RequestOutcome.UNCLEAR, 0)
    for seconds in range(10, 60, 10):
        share = send(share, NOTHING, RequestOutcome.UNCLEAR, seconds)
        assert send(share, NOTHING, RequestOutcome.CONFIRMED, seconds + 1).holds is None
    assert send(share, NOTHING, RequestOutcome.CONFIRMED, 60).holds is False
    assert send(share, PUT, RequestOutcome.CONFIRMED, 60).due_at == at(50 + 60)


@pytest.mark.parametrize(("lost", "settled"), [(NOTHING, False), (PUT, None)])
def test_an_expired_lease_leaves_a_stray_of_its_own_kind(lost: Any, settled: bool | None) -> None:
    claimed = claim(Share(due_at=NOW, wanted_version=1, confirmed_hash=None), lost, uuid4(), NOW, TIMING)
    assert send(claimed, NOTHING, RequestOutcome.CONFIRMED, 7).holds is settled
    assert send(claimed, b"another", RequestOutcome.CONFIRMED, 7).holds is None


@pytest.mark.parametrize(("kind", "settled"), [(NOTHING, False), (PUT, None)])
def test_an_overdue_operation_leaves_a_stray_of_its_own_kind(kind: Any, settled: bool | None) -> None:
    share = claim(Share(due_at=NOW, wanted_version=1, confirmed_hash=None), kind, lease := uuid4(), NOW, TIMING)
    share = record(share, lease, Result(RequestOutcome.ACCEPTED, operation="an operation"), NOW, TIMING)
    share = claim(want(share, Urgency.CONSENT, at(61)), NOTHING, lease := uuid4(), at(61), TIMING)
    share = record(share, lease, Result(RequestOutcome.ACCEPTED, operation="an operation"), at(61), TIMING)
    assert share.operation is None
    assert send(share, NOTHING, RequestOutcome.CONFIRMED, 62).holds is settled


def test_the_removal_of_a_parked_share_is_a_removal(held: Share) -> None:
    parked = send(held, b"another", RequestOutcome.REJECTED, 0)
    assert parked.parked
    share = claim(parked, b"another", lease := uuid4(), at(1), TIMING)
    share = record(share, lease, Result(RequestOutcome.UNCLEAR), at(1), TIMING)
    share = claim(share, b"another", lease := uuid4(), at(2), TIMING)
    share = record(share, lease, Result(RequestOutcome.CONFIRMED), at(2), TIMING)
    assert (share.holds, bool(share.parked)) == (False, True)


def test_a_record_without_its_lease_counts_as_a_put(held: Share) -> None:
    removed = send(held, NOTHING, RequestOutcome.CONFIRMED, 0)
    share = record(removed, LATE, Result(RequestOutcome.UNCLEAR), at(1), TIMING)
    assert send(share, NOTHING, RequestOutcome.CONFIRMED, 2).holds is None
    assert send(share, NOTHING, RequestOutcome.CONFIRMED, 61).holds is False


def test_invalidating_makes_a_removal_under_way_provisional(held: Share) -> None:
    claimed = claim(want(held, Urgency.CONSENT, at(0)), NOTHING, lease := uuid4(), at(0), TIMING)
    share = record(invalidate(claimed, at(1), TIMING), lease, Result(RequestOutcome.CONFIRMED), at(2), TIMING)
    assert share.holds is None
    assert send(share, NOTHING, RequestOutcome.CONFIRMED, 61).holds is False


@pytest.mark.parametrize("astray", [False, True])
def test_invalidating_an_idle_share_leaves_the_next_confirmation_final(held: Share, astray: bool) -> None:
    if astray:  # a removal that may still be applied
        held = send(held, NOTHING, RequestOutcome.UNCLEAR, 0)
    removed = send(held, NOTHING, RequestOutcome.CONFIRMED, 1)
    invalidated = invalidate(removed, at(2), TIMING)
    assert invalidated.holds is None
    assert send(invalidated, NOTHING, RequestOutcome.CONFIRMED, 3).holds is False


def test_a_shorter_t_does_not_shorten_the_time_of_existing_strays(held: Share) -> None:
    astray = send(held, b"another", RequestOutcome.UNCLEAR, 0)
    shorter = replace(TIMING, settle=timedelta(seconds=10))
    share = claim(want(astray, Urgency.CONSENT, at(1)), b"a third", lease := uuid4(), at(1), shorter)
    share = record(share, lease, Result(RequestOutcome.UNCLEAR), at(1), shorter)
    assert send(share, NOTHING, RequestOutcome.CONFIRMED, 59).holds is None
