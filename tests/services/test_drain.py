"""A drain at work on a provider in memory: order, limits, deadlines, failures, and what it comes to in the end."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from integrations.base import Change, Operation
from integrations.errors import FailureCode, NotSentError, RejectedError, UnclearError
from integrations.memory import Applied, Fault, InMemory
from schemas.shared import SharedField
from schemas.space import HeldState
from tests.services.hubs import lane_of, read_settings
from tests.services.upstream import ANNE, BOB, EVERYONE
from worker.domain.retry import RETRY_AFTER_CAP
from worker.services.drain import Drain

PROVIDER = "easypark"
UNREACHABLE = Fault(NotSentError(PROVIDER, FailureCode.NOT_CONNECTED))
THROTTLED = Fault(NotSentError(PROVIDER, FailureCode.THROTTLED, status=429, retry_after=120))
REJECTED = Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED, status=422))
LOST = Fault(UnclearError(PROVIDER, FailureCode.CONNECTION_LOST), Applied.BEFORE)
HANGS = Fault(None)
HANGS_AND_IS_APPLIED_LATER = Fault(None, Applied.LATER)


@pytest.fixture
def twin(twins):
    return twins[PROVIDER]


@pytest.fixture
def share(evidence):
    def share(permit_id):
        return evidence.shares(permit_id)[PROVIDER]

    return share


def test_withdrawals_go_first_then_what_somebody_waits_for_then_the_rest(upstream, quick, hub, twin, evidence):
    upstream.allow()
    routine = upstream.take_over(upstream.row()).rows[0].permit_id
    changed = upstream.active()
    withdrawn = upstream.active(BOB)
    upstream.allow(BOB)
    one_by_one = replace(quick, settings=quick.settings.model_copy(update={"in_flight": 2}))
    asyncio.run(Drain(lane_of(one_by_one, twin), hub.today).run())
    names = {
        evidence.shares(permit_id)[PROVIDER]["reference"]: permit_id for permit_id in (routine, changed, withdrawn)
    }
    assert [names[str(call.reference)] for call in twin.calls] == [withdrawn, changed, routine]


def test_what_is_under_way_stays_within_the_window(upstream, quick, hub):
    class Counting(InMemory):
        most = now = 0

        async def send(self, change: Change) -> Operation | None:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.01)
            operation = await super().send(change)
            self.now -= 1
            return operation

    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(20)))
    twin = Counting(PROVIDER, hub.capabilities[PROVIDER])
    assert asyncio.run(Drain(lane_of(quick, twin), hub.today).run()) is False
    assert (len(twin.held), twin.most) == (20, 3)  # of four slots, one is kept for what is urgent


def test_hanging_requests_do_not_hold_a_withdrawal(upstream, quick, hub, twin, evidence):
    upstream.active(BOB)
    upstream.allow(BOB)
    asyncio.run(Drain(lane_of(quick, twin), hub.today).run())
    held = next(iter(twin.held))
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(8)))
    twin.fail(HANGS, count=3)

    async def withdraw_meanwhile() -> None:
        draining = asyncio.create_task(Drain(lane_of(patient, twin), hub.today).run())
        await _reached(lambda: len(twin.calls) == 4)  # one that was, three that hang
        upstream.refuse(BOB)
        await _reached(lambda: held not in twin.held)
        draining.cancel()
        await asyncio.wait([draining])

    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 5}))
    asyncio.run(withdraw_meanwhile())
    assert len(twin.calls) == 1 + 3 + 1
    assert evidence.value("SELECT count(*) FROM disclosure_outcomes WHERE outcome <> 'confirmed'") == 0


@pytest.mark.parametrize(("in_flight", "urgent_slots"), [(2, 2), (4, 4), (8, 7), (2, None)])
def test_a_window_that_would_leave_nothing_to_the_rest_is_refused(hub_environment, in_flight, urgent_slots):
    changed = {"in_flight": in_flight} | ({} if urgent_slots is None else {"urgent_slots": urgent_slots})
    with pytest.raises(ValidationError, match="urgent_slots"):
        read_settings(hub_environment, **changed)


def test_a_request_ends_at_its_deadline_and_is_unclear(upstream, deliver, twin, share, evidence):
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(HANGS)
    before = evidence.value("SELECT clock_timestamp()")
    deliver(PROVIDER)
    row = share(permit_id)
    assert evidence.value("SELECT clock_timestamp()") - before < timedelta(seconds=3)
    assert (row["confirmed_version"], row["failures"], row["lease_id"], row["holds"]) == (0, 1, None, None)
    assert row["unsettled_until"] is not None
    assert evidence.query("SELECT outcome, code FROM disclosure_outcomes") == [("unclear", "timed_out")]


def test_after_an_unclear_request_the_next_confirmation_is_provisional(upstream, deliver, twin, share, evidence, until):
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(LOST)
    deliver(PROVIDER)
    _due_now(evidence)
    _settle_in(evidence, "1 hour")
    deliver(PROVIDER)
    row = share(permit_id)
    assert (row["confirmed_hash"], row["holds"]) == (None, True)
    assert row["due_at"] == row["unsettled_until"]
    assert len(twin.calls) == 2
    _settle_in(evidence, "0 s")
    _due_now(evidence)
    deliver(PROVIDER)
    row = share(permit_id)
    assert (row["unsettled_until"], row["holds"]) == (None, True)
    assert row["confirmed_hash"] is not None
    assert (len(twin.calls), evidence.pending()) == (3, len(EVERYONE) - 1)


def test_a_put_that_is_applied_after_its_withdrawal_is_removed_again(upstream, deliver, twin, evidence, until):
    upstream.active()
    upstream.allow()
    twin.fail(HANGS_AND_IS_APPLIED_LATER)
    deliver(PROVIDER)
    upstream.refuse()
    deliver(PROVIDER)
    twin.apply_late()
    assert twin.held
    until(lambda: deliver() or not evidence.pending())  # T passes: it is 0.3 s here
    assert not twin.held


def test_a_rejected_put_is_parked_and_what_was_held_goes_until_the_truth_changes(
    upstream, deliver, twin, share, evidence
):
    permit_id = upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "EF-367-QS"})
    twin.fail(REJECTED)
    deliver(PROVIDER)
    row = share(permit_id)
    assert (row["parked"], row["holds"], twin.held) == ("plate_refused", False, {})
    assert row["failing_since"] == row["failed_at"] is not None
    assert evidence.screen(ANNE).consent.providers[EVERYONE.index(PROVIDER)].state is HeldState.REFUSED
    _due_now(evidence)
    deliver(PROVIDER)
    assert len(twin.calls) == 3
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "ZZ-999-ZZ"})
    deliver(PROVIDER)
    assert (share(permit_id)["parked"], share(permit_id)["failed_at"]) == (None, None)
    assert [held[SharedField.PLATE] for held in twin.held.values()] == ["ZZ999ZZ"]


def test_a_rejected_removal_goes_on(upstream, deliver, twin, share, evidence):
    permit_id = upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.refuse()
    for failures in (1, 2, 3):
        twin.fail(REJECTED)
        _due_now(evidence)
        deliver(PROVIDER)
        assert (share(permit_id)["parked"], share(permit_id)["failures"]) == (None, failures)
    _due_now(evidence)
    deliver(PROVIDER)
    assert not twin.held


def test_a_provider_is_left_alone_for_as_long_as_it_asks(upstream, deliver, twin, share, evidence):
    permit_id = upstream.active()
    upstream.allow()
    for fault, least, most in (
        (UNREACHABLE, 0.5, 1),
        (THROTTLED, 120, 121),
        (Fault(NotSentError(PROVIDER, FailureCode.UNAVAILABLE, retry_after=1e9)), 0, RETRY_AFTER_CAP.total_seconds()),
    ):
        twin.fail(fault)
        _due_now(evidence)
        _open_again(evidence)
        before = evidence.value("SELECT clock_timestamp()")
        deliver(PROVIDER)
        wait = (datetime.fromisoformat(share(permit_id)["due_at"]) - before).total_seconds()
        assert least <= wait <= most + 2
    assert len(twin.calls) == 3
    _due_now(evidence)
    deliver(PROVIDER)
    assert len(twin.calls) == 3
    _open_again(evidence)
    deliver(PROVIDER)
    assert (len(twin.held), share(permit_id)["failures"]) == (1, 0)


def test_a_withdrawal_does_not_wait_for_the_retry_of_a_failed_put(upstream, deliver, twin, share):
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(Fault(UnclearError(PROVIDER, FailureCode.SERVER_ERROR, retry_after=3600), Applied.BEFORE))
    deliver(PROVIDER)
    assert twin.held
    upstream.refuse()
    deliver(PROVIDER)
    assert not twin.held
    assert share(permit_id)["holds"] is False


def test_an_adapters_bug_fails_one_share_and_not_the_others(upstream, quick, hub, evidence):
    class Buggy(InMemory):
        async def send(self, change: Change) -> Operation | None:
            if change.permit and change.permit.plate == "EF367QS":
                raise KeyError(change.permit.plate)
            return await super().send(change)

    upstream.active(plate={"raw": "EF-367-QS"})
    upstream.active()
    upstream.allow()
    twin = Buggy(PROVIDER, hub.capabilities[PROVIDER])
    asyncio.run(Drain(lane_of(quick, twin), hub.today).run())
    assert len(twin.held) == 1
    assert evidence.query("SELECT outcome, code FROM disclosure_outcomes ORDER BY outcome") == [
        ("confirmed", None),
        ("unclear", "adapter_failed"),
    ]


def test_what_a_killed_drain_had_taken_is_finished_by_another(upstream, quick, deliver, twin, share, evidence, until):
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(HANGS_AND_IS_APPLIED_LATER)

    async def kill() -> None:
        draining = asyncio.create_task(Drain(lane_of(quick, twin), quick.today).run())
        await _reached(lambda: twin.calls)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining

    asyncio.run(kill())
    assert share(permit_id)["lease_id"] is not None
    upstream.refuse()
    deliver(PROVIDER)
    assert len(twin.calls) == 1
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET lease_until = now()")
    twin.apply_late()
    until(lambda: deliver() or not evidence.pending())
    assert not twin.held
    assert share(permit_id)["unsettled_until"] is None


def test_a_drain_ends_when_there_is_nothing_to_do_and_can_be_woken_again(upstream, hub, deliver, kicks):
    upstream.active()
    upstream.allow()
    assert deliver() is False
    kicks.clear()
    upstream.refuse()
    assert sorted(kicks) == sorted(EVERYONE)
    upstream.refuse()
    assert len(kicks) == len(EVERYONE)


def test_a_change_that_was_made_while_its_share_was_leased_is_delivered_by_the_same_drain(
    upstream, quick, hub, evidence
):
    class Changing(InMemory):
        async def send(self, change: Change) -> Operation | None:
            operation = await super().send(change)
            if len(self.calls) == 1:
                upstream.refuse()
            return operation

    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    twin = Changing(PROVIDER, hub.capabilities[PROVIDER])
    assert asyncio.run(Drain(lane_of(quick, twin), hub.today).run()) is False
    assert not twin.held
    assert evidence.pending() == 0


async def _reached(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a twin has no event to wait for
            await asyncio.sleep(0.001)


def _due_now(evidence):
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET due_at = now()")


def _open_again(evidence):
    with evidence.database.connect() as connection:
        connection.execute("UPDATE providers SET held_until = NULL")


def _settle_in(evidence, time):
    with evidence.database.connect() as connection:
        connection.execute(f"UPDATE shares SET unsettled_until = now() + interval '{time}'")
