"""No removal is published before it is settled: space, events, history and `status` agree."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from integrations.errors import FailureCode, RejectedError, UnclearError
from integrations.memory import Applied, Fault, InMemory
from schemas.events import EventType
from schemas.history import History
from schemas.space import HeldState
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, lane_of
from tests.services.in_redis import read_document
from tests.services.upstream import ANNE, Upstream
from worker.db import status
from worker.db.engine import transact
from worker.db.sharing import shares
from worker.db.sharing.shares import ShareKey
from worker.db.trip import run
from worker.domain.retention import may_be_held
from worker.domain.sharing import NOTHING, REPEATS, RequestOutcome, Result, Share, Timing, Urgency, claim, record
from worker.hub import Hub
from worker.services.publishing.history import put_history
from worker.services.sharing.claim import claim as take
from worker.services.sharing.invalidate import drop_spaces_of, invalidate
from worker.services.sharing.record import record as end

PROVIDER = "easypark"
Told = Callable[[], tuple[HeldState, bool, list[bool], int]]
LATE = Fault(UnclearError(PROVIDER, FailureCode.TIMED_OUT), Applied.LATER)
GONE_QUIET = Fault(UnclearError(PROVIDER, FailureCode.CONNECTION_LOST))
REFUSED = Fault(RejectedError(PROVIDER, FailureCode.ZONE_UNKNOWN))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = Share(due_at=NOW, wanted_version=1, confirmed_hash=None)
MINUTE = Timing(lease=timedelta(seconds=7), settle=timedelta(seconds=60))


@pytest.fixture
def quick(hub: Hub) -> Hub:
    """Return the hub with a T longer than a test."""
    limits = {"request_seconds": 0.4, "settle_seconds": 3_600.0, "in_flight": 4, "urgent_slots": 1}
    return replace(hub, settings=hub.settings.model_copy(update=limits))


@pytest.fixture
def told(quick: Hub, evidence: Evidence, today: date) -> Told:
    """Return one provider's state everywhere: space, whether the holding has ended, events, shares that wait."""

    def told() -> tuple[HeldState, bool, list[bool], int]:
        (state,) = (one.state for one in evidence.screen(ANNE).consent.providers if one.provider == PROVIDER)
        put_history(quick, ANNE, task_id := uuid4(), today)
        history = History.model_validate_json(read_document(quick, f"history:{task_id}"))
        (holdings,) = (one.holdings for one in history.recipients if one.provider == PROVIDER)
        events = [event for event in evidence.told(ANNE) if event.type is EventType.SHARES_CONFIRMED]
        confirmed = [one.held for event in events for one in event.data.shares if one.provider == PROVIDER]
        known = transact(quick.engine, lambda db: status.read(db, [PROVIDER])).providers[0]
        ended = bool(holdings) and all(holding.until is not None for holding in holdings)
        return state, ended, confirmed, known.consent + known.change + known.routine

    return told


@pytest.fixture
def pass_time(evidence: Evidence) -> Callable[[], None]:
    """Let the time pass until the last stray can arrive."""

    def pass_time() -> None:
        moment = "{0} = {0} - interval '1 hour'"
        columns = ("due_at", "unsettled_until", "stray_put_until", "lease_until", "operation_until")
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET " + ", ".join(moment.format(column) for column in columns))
            connection.execute("UPDATE disclosures SET recorded_at = recorded_at - interval '1 hour'")
            connection.execute("UPDATE disclosure_outcomes SET recorded_at = recorded_at - interval '1 hour'")

    return pass_time


def test_a_removal_after_a_late_put_is_published_once_settled(
    upstream: Upstream,
    deliver: Deliver,
    twins: dict[str, InMemory],
    told: Told,
    pass_time: Callable[[], None],
) -> None:
    upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(LATE)
    deliver(PROVIDER)
    upstream.refuse()
    deliver(PROVIDER)
    assert told() == (HeldState.REMOVING, False, [], 1)
    twins[PROVIDER].apply_late()
    assert twins[PROVIDER].held
    assert told() == (HeldState.REMOVING, False, [], 1)
    pass_time()
    deliver(PROVIDER)
    assert not twins[PROVIDER].held
    assert told() == (HeldState.REMOVED, True, [False], 0)


def test_an_unclear_removal_is_published_with_the_next_confirmation(
    upstream: Upstream,
    deliver: Deliver,
    twins: dict[str, InMemory],
    told: Told,
) -> None:
    upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.refuse()
    twins[PROVIDER].fail(GONE_QUIET)
    deliver(PROVIDER)
    with_retry_due(upstream)
    assert told() == (HeldState.REMOVING, False, [True], 1)
    deliver(PROVIDER)
    assert told() == (HeldState.REMOVED, True, [True, False], 0)


def test_a_provisional_put_is_published_once_settled(
    upstream: Upstream,
    deliver: Deliver,
    twins: dict[str, InMemory],
    told: Told,
    pass_time: Callable[[], None],
) -> None:
    upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(GONE_QUIET)
    deliver(PROVIDER)
    with_retry_due(upstream)
    deliver(PROVIDER)
    assert twins[PROVIDER].held
    assert told() == (HeldState.SENDING, False, [], 1)
    pass_time()
    deliver(PROVIDER)
    assert told() == (HeldState.HELD, False, [True], 0)


def test_an_invalidated_removal_shows_as_being_removed_until_it_is_confirmed_again(
    upstream: Upstream, deliver: Deliver, told: Told, quick: Hub
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.refuse()
    deliver(PROVIDER)
    assert told() == (HeldState.REMOVED, True, [True, False], 0)
    drop_spaces_of(quick, transact(quick.engine, lambda db: invalidate(quick, db, PROVIDER, [permit_id])))
    assert told() == (HeldState.REMOVING, False, [True, False], 1)
    deliver(PROVIDER)
    assert told()[:2] == (HeldState.REMOVED, True)


def test_a_late_put_shows_as_being_removed_again(
    upstream: Upstream,
    deliver: Deliver,
    twins: dict[str, InMemory],
    told: Told,
    quick: Hub,
    evidence: Evidence,
    today: date,
) -> None:
    upstream.active()
    upstream.allow()
    lane = lane_of(quick, InMemory(PROVIDER))
    (late,), *_ = take(lane, 1, Urgency.ROUTINE, today)
    with evidence.database.connect() as connection:  # the sender is frozen for longer than a lease and T
        connection.execute("UPDATE shares SET lease_until = now() - interval '2 hours', lease_id = NULL")
    upstream.refuse()
    deliver(PROVIDER)
    assert told()[0] is HeldState.REMOVED
    end(lane.hub, {lane.name: lane}, [(late, Result(RequestOutcome.CONFIRMED))], today)
    assert told()[:2] == (HeldState.REMOVING, False)


def test_no_permit_is_anonymised_while_a_removal_is_provisional(
    upstream: Upstream, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(LATE)
    deliver(PROVIDER)
    upstream.applied("resident.erase")
    deliver(PROVIDER)
    held = transact(upstream.hub.engine, lambda db: run(db, shares.lock([ShareKey(permit_id, PROVIDER)])))[1]
    assert [may_be_held(one.share) for one in held] == [True]


def test_a_provisional_removal_is_repeated_soon_and_once_more_at_the_end() -> None:
    share = replace(UNKNOWN, unsettled_until=NOW + MINUTE.settle, stray_put_until=NOW + MINUTE.settle)
    now, moments = NOW, []
    while share.confirmed_version < share.wanted_version:
        now = max(now, share.due_at)
        moments.append((now - NOW).total_seconds())
        share = claim(share, NOTHING, lease := uuid4(), now, MINUTE)
        share = record(share, lease, Result(RequestOutcome.CONFIRMED), now, MINUTE)
    assert moments == [0, *(part * 60 for part in REPEATS), 60]
    assert moments == [0, 5, 15, 30, 60]
    assert share.holds is False


def test_a_provisional_put_is_repeated_only_at_the_end() -> None:
    share = replace(UNKNOWN, unsettled_until=NOW + MINUTE.settle)
    share = claim(share, b"a plate", lease := uuid4(), NOW, MINUTE)
    share = record(share, lease, Result(RequestOutcome.CONFIRMED), NOW, MINUTE)
    assert (share.due_at, share.holds) == (NOW + MINUTE.settle, None)


def with_retry_due(upstream: Upstream) -> None:
    """Make failed shares due at once."""
    with upstream.hub.engine.begin() as db:
        db.exec_driver_sql("UPDATE shares SET due_at = now() WHERE confirmed_version < wanted_version")
