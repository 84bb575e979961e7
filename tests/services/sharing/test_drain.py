"""A drain at work on a provider in memory: its order, its window, and when it ends or is ended."""

import asyncio
from dataclasses import replace
from math import inf
from threading import Event
from time import sleep

import pytest
from pydantic import ValidationError

from integrations.base import Change, Operation
from integrations.memory import Applied, Fault, InMemory
from tests.services.hubs import lane_of, read_settings
from tests.services.upstream import BOB, EVERYONE
from tests.support.waiting import eventually, eventually_in_loop
from worker.limiter import Limiter
from worker.services.sharing import drain
from worker.services.sharing.claim import claim, record
from worker.services.sharing.drain import LOOK_SECONDS, Drain
from worker.services.sharing.lane import Lane

PROVIDER = "easypark"
HANGS = Fault(None)
NOTED = 0.05  # seconds after which a drain has noted what a thread returned
HANGS_AND_IS_APPLIED_LATER = Fault(None, Applied.LATER)


@pytest.fixture
def twin(twins):
    return twins[PROVIDER]


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


@pytest.mark.parametrize("time_outs", [0, 3])
def test_hanging_requests_do_not_hold_a_withdrawal(upstream, quick, hub, twin, evidence, time_outs):
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
        await eventually_in_loop(lambda: len(twin.calls), equals=4)  # one that was, three that hang
        for moment in range(time_outs):  # the window is narrower by now than what is under way
            lane.window.note_time_out(moment, moment)
        upstream.refuse(BOB)
        await eventually_in_loop(lambda: held not in twin.held)
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


@pytest.mark.parametrize(("in_flight", "kept"), [(2, 1), (3, 2), (6, 4), (32, 4), (512, 4)])
def test_a_provider_with_few_slots_has_some_for_what_is_urgent_and_some_for_the_rest(settings, in_flight, kept):
    assert settings.slots_kept(in_flight) == kept


def test_a_provider_with_a_setting_of_its_own_has_a_window_of_its_own(hub, twin):
    limiter = Limiter(hub.settings.redis_url, hub.settings.redis_prefix, PROVIDER, ())
    window = Lane(hub, twin, limiter, in_flight=6).window
    assert (window.most, window.kept, window.routine) == (6, 4, 2)


def test_what_a_killed_drain_had_taken_is_finished_by_another(upstream, quick, deliver, twin, evidence):
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


def test_a_drain_ends_when_there_is_nothing_to_do_and_can_be_woken_again(upstream, hub, deliver, wake_ups):
    upstream.active()
    upstream.allow()
    assert deliver() is False
    wake_ups.clear()
    upstream.refuse()
    assert sorted(wake_ups) == sorted(EVERYONE)
    upstream.refuse()
    assert len(wake_ups) == len(EVERYONE)


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


def test_what_a_record_finds_due_again_is_delivered_though_a_claim_that_did_not_see_it_ends_later(
    upstream, quick, hub, evidence, monkeypatch
):
    recorded = Event()

    def claim_that_lasts(*args):
        found = claim(*args)
        if twin.calls and not recorded.is_set():
            upstream.refuse()
            assert recorded.wait(5)
            sleep(NOTED)
            draining._look_at = inf
        return found

    def record_then_tell(*args):
        due_again = record(*args)
        recorded.set()
        return due_again

    monkeypatch.setattr(drain, "claim", claim_that_lasts)
    monkeypatch.setattr(drain, "record", record_then_tell)
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    twin = Slow(PROVIDER, hub.capabilities[PROVIDER])
    draining = Drain(lane_of(quick, twin), hub.today)
    assert asyncio.run(draining.run()) is False
    assert not twin.held
    assert evidence.pending() == 0


def test_what_a_claim_leaves_behind_is_delivered_though_a_record_that_found_nothing_ends_later(
    upstream, quick, hub, evidence, monkeypatch
):
    claimed, recording = Event(), Event()
    rows = [upstream.row() for _ in range(12)]

    def claim_then_tell(*args):
        if len(twin.calls) == 1 and not claimed.is_set():
            upstream.take_over(*rows)
            found = claim(*args)
            assert recording.wait(5)
            claimed.set()
            return found
        return claim(*args)

    def record_that_lasts(*args):
        recording.set()
        due_again = record(*args)
        assert claimed.wait(5)
        sleep(NOTED)
        draining._look_at = inf
        return due_again

    monkeypatch.setattr(drain, "claim", claim_then_tell)
    monkeypatch.setattr(drain, "record", record_that_lasts)
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    twin = Slow(PROVIDER, hub.capabilities[PROVIDER])
    draining = Drain(lane_of(quick, twin), hub.today)
    assert asyncio.run(draining.run()) is False
    assert (len(twin.held), evidence.pending()) == (13, 0)


class Slow(InMemory):
    """A provider that answers once the drain has begun to look again."""

    async def send(self, change: Change) -> Operation | None:
        operation = await super().send(change)
        await asyncio.sleep(2 * LOOK_SECONDS)
        return operation
