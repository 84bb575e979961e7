"""A drain with a provider in memory: its order, its window, and its end."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from math import inf
from threading import Event
from time import sleep
from uuid import UUID

import pytest
from pydantic import ValidationError

from integrations.base import Change, Operation
from integrations.memory import Applied, Fault, InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, lane_of, read_settings
from tests.services.upstream import BOB, EVERYONE, Upstream, results
from tests.support.waiting import eventually, eventually_in_loop
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.limiter import Limiter
from worker.services.sharing import drain
from worker.services.sharing.claim import Claim, Ended, claim
from worker.services.sharing.drain import LOOK_SECONDS, Drain
from worker.services.sharing.lane import Lane
from worker.services.sharing.record import Recorded, record
from worker.settings import Settings

PROVIDER = "easypark"
HANGS = Fault(None)
NOTED = 0.05  # seconds after which a drain has noticed a thread's result
Claiming = tuple[Lane, int, Urgency, date]
Recording = tuple[Hub, Mapping[str, Lane], Sequence[Ended], date]
HANGS_AND_IS_APPLIED_LATER = Fault(None, Applied.LATER)


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[PROVIDER]


def test_withdrawals_are_sent_first_then_single_changes_then_routine(
    upstream: Upstream, quick: Hub, hub: Hub, twin: InMemory, evidence: Evidence
) -> None:
    upstream.allow()
    routine = results(upstream.take_over(upstream.row()))[0].permit_id
    changed = upstream.active()
    withdrawn = upstream.active(BOB)
    upstream.allow(BOB)
    one_by_one = replace(quick, settings=quick.settings.model_copy(update={"in_flight": 2}))
    asyncio.run(Drain(lane_of(one_by_one, twin), hub.today).run())
    names = {
        evidence.shares(permit_id)[PROVIDER]["reference"]: permit_id for permit_id in (routine, changed, withdrawn)
    }
    assert [names[str(call.reference)] for call in twin.calls] == [withdrawn, changed, routine]


def test_requests_under_way_stay_within_the_window(upstream: Upstream, quick: Hub, hub: Hub) -> None:
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
    assert (len(twin.held), twin.most) == (20, 3)  # of four slots, one is kept for urgent requests


@pytest.mark.parametrize("time_outs", [0, 3])
def test_hanging_requests_do_not_delay_a_withdrawal(
    upstream: Upstream, quick: Hub, hub: Hub, twin: InMemory, evidence: Evidence, time_outs: int
) -> None:
    upstream.active(BOB)
    upstream.allow(BOB)
    asyncio.run(Drain(lane_of(quick, twin), hub.today).run())
    held = next(iter(twin.held))
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(8)))
    twin.fail(HANGS, count=3)

    async def withdraw_meanwhile() -> None:
        lane = lane_of(patient, twin)
        draining = asyncio.create_task(Drain(lane, hub.today).run())
        await eventually_in_loop(lambda: len(twin.calls) == 4)  # the finished one, and three that hang
        for moment in range(time_outs):  # the window is now narrower than the requests under way
            lane.window.note_time_out(moment, moment)
        upstream.refuse(BOB)
        await eventually_in_loop(lambda: held not in twin.held)
        draining.cancel()
        await asyncio.wait([draining])

    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 5}))
    asyncio.run(withdraw_meanwhile())
    assert len(twin.calls) == 1 + 3 + 1
    assert evidence.value("SELECT count(*) FROM disclosure_outcomes WHERE outcome <> 'confirmed'") == 0


@pytest.mark.parametrize(("in_flight", "urgent_slots"), [(2, 2), (4, 4), (8, 7)])
def test_urgent_slots_that_leave_too_few_for_routine_are_refused(
    hub_environment: dict[str, str], in_flight: int, urgent_slots: int
) -> None:
    with pytest.raises(ValidationError, match="urgent_slots"):
        read_settings(hub_environment, in_flight=in_flight, urgent_slots=urgent_slots)


@pytest.mark.parametrize(("in_flight", "kept"), [(1, 0), (2, 1), (3, 1), (32, 1), (512, 1)])
def test_a_provider_with_few_slots_has_urgent_and_routine_ones(settings: Settings, in_flight: int, kept: int) -> None:
    assert settings.slots_kept(in_flight) == kept


def test_a_providers_own_setting_sets_its_window(hub: Hub, twin: InMemory) -> None:
    limiter = Limiter(hub.settings.redis_url, hub.settings.redis_prefix, PROVIDER, ())
    window = Lane(hub, twin, limiter, in_flight=6).window
    assert (window.most, window.kept) == (6, 1)


def test_a_narrow_window_claims_and_records_many_shares_in_one_transaction(
    upstream: Upstream, quick: Hub, hub: Hub, twin: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims, records = list[int](), list[int]()

    def claim_and_count(*args: *Claiming, fresh_seconds: float) -> Claim:
        found = claim(*args, fresh_seconds=fresh_seconds)
        claims.append(len(found[0]))
        return found

    def record_and_count(*args: *Recording) -> Recorded:
        records.append(len(args[2]))
        return record(*args)

    monkeypatch.setattr(drain, "claim", claim_and_count)
    monkeypatch.setattr(drain, "record", record_and_count)
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(60)))
    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 30.0}))
    lane = lane_of(patient, twin)
    assert lane.window.routine == 3
    asyncio.run(Drain(lane, hub.today).run())
    assert len(twin.held) == sum(claims) == sum(records) == 60
    assert max(claims) > 4 * lane.window.most
    assert max(records) > 2 * lane.window.most


def test_a_single_change_passes_what_is_claimed_ahead(
    upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Taking(InMemory):
        async def send(self, change: Change) -> Operation | None:
            operation = await super().send(change)
            await asyncio.sleep(0.02)
            return operation

    async def change_meanwhile() -> list[UUID]:
        draining = asyncio.create_task(Drain(lane_of(patient, twin), hub.today).run())
        await eventually_in_loop(lambda: len(twin.calls) > 20)
        before, changed = len(twin.calls), upstream.active()
        reference = UUID(evidence.shares(changed)[PROVIDER]["reference"])
        await draining
        calls = [call.reference for call in twin.calls]
        return calls[before : calls.index(reference)]

    monkeypatch.setattr(drain, "AHEAD_SECONDS", 2.0)
    upstream.allow(providers=(PROVIDER,))
    upstream.take_over(*(upstream.row() for _ in range(250)))
    twin = Taking(PROVIDER, hub.capabilities[PROVIDER])
    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 30.0}))
    passed_by = asyncio.run(change_meanwhile())
    assert (len(twin.held), evidence.pending()) == (251, 0)
    assert len(passed_by) < 32  # it claims for a change every tenth of a second, for others after some 60 requests


def test_shares_of_a_killed_drain_are_finished_by_another(
    upstream: Upstream, quick: Hub, deliver: Deliver, twin: InMemory, evidence: Evidence
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(HANGS_AND_IS_APPLIED_LATER)

    async def kill() -> None:
        draining = asyncio.create_task(Drain(lane_of(quick, twin), quick.today).run())
        await eventually_in_loop(lambda: twin.calls)
        draining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await draining

    asyncio.run(kill())
    assert evidence.shares(permit_id)[PROVIDER]["lease_id"] is not None
    upstream.refuse()
    deliver(PROVIDER)
    assert len(twin.calls) == 1
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET lease_until = now()")
    twin.apply_late()
    eventually(lambda: deliver() or not evidence.pending())
    assert not twin.held
    assert evidence.shares(permit_id)[PROVIDER]["unsettled_until"] is None


def test_an_idle_drain_ends_and_can_be_woken_again(
    upstream: Upstream, hub: Hub, deliver: Deliver, wake_ups: list[str]
) -> None:
    upstream.active()
    upstream.allow()
    assert deliver() is False
    wake_ups.clear()
    hub.wake(EVERYONE)
    assert sorted(wake_ups) == sorted(EVERYONE)
    hub.wake(EVERYONE)
    assert len(wake_ups) == len(EVERYONE)


def test_a_share_found_due_by_a_record_is_sent_even_if_a_blind_claim_ends_later(
    upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Event()

    def claim_that_lasts(*args: *Claiming, fresh_seconds: float) -> Claim:
        found = claim(*args, fresh_seconds=fresh_seconds)
        if twin.calls and not recorded.is_set():
            upstream.refuse()
            assert recorded.wait(5)
            sleep(NOTED)
            draining._look_at = inf
        return found

    def record_then_tell(*args: *Recording) -> Recorded:
        found = record(*args)
        recorded.set()
        return found

    monkeypatch.setattr(drain, "claim", claim_that_lasts)
    monkeypatch.setattr(drain, "record", record_then_tell)
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    twin = Slow(PROVIDER, hub.capabilities[PROVIDER])
    draining = Drain(lane_of(quick, twin), hub.today)
    assert asyncio.run(draining.run()) is False
    assert not twin.held
    assert evidence.pending() == 0


def test_shares_left_by_a_claim_are_sent_even_if_an_empty_record_ends_later(
    upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, recording = Event(), Event()
    rows = [upstream.row() for _ in range(12)]

    def claim_then_tell(*args: *Claiming, fresh_seconds: float) -> Claim:
        if len(twin.calls) == 1 and not claimed.is_set():
            upstream.take_over(*rows)
            found = claim(*args, fresh_seconds=fresh_seconds)
            assert recording.wait(5)
            claimed.set()
            return found
        return claim(*args, fresh_seconds=fresh_seconds)

    def record_that_lasts(*args: *Recording) -> Recorded:
        recording.set()
        found = record(*args)
        assert claimed.wait(5)
        sleep(NOTED)
        draining._look_at = inf
        return found

    monkeypatch.setattr(drain, "claim", claim_then_tell)
    monkeypatch.setattr(drain, "record", record_that_lasts)
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    twin = Slow(PROVIDER, hub.capabilities[PROVIDER])
    draining = Drain(lane_of(quick, twin), hub.today)
    assert asyncio.run(draining.run()) is False
    assert (len(twin.held), evidence.pending()) == (13, 0)


class Slow(InMemory):
    """A provider that answers once the drain has begun its next claim."""

    async def send(self, change: Change) -> Operation | None:
        operation = await super().send(change)
        await asyncio.sleep(2 * LOOK_SECONDS)
        return operation
