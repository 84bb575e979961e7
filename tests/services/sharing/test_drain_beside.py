"""What a drain still does while requests hang or take long: removals, single changes, looks, and records."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from integrations.base import Change, Limit, Operation
from integrations.memory import Fault, InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import BOB, Upstream
from tests.support.waiting import eventually_in_loop
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.sharing import drain
from worker.services.sharing.claim import claim
from worker.services.sharing.drain import LOOK_SECONDS, Drain
from worker.services.sharing.record import record

PROVIDER = "easypark"
HANGS = Fault(None)


class Counted:
    """A function that notes when it was called."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.at: list[float] = []
        self._function = function

    def __call__(self, *arguments: object, **named: object) -> object:
        self.at.append(time.monotonic())
        return self._function(*arguments, **named)


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[PROVIDER]


@pytest.fixture
def patient(quick: Hub) -> Hub:
    """Return a hub that waits long for an answer."""
    return replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 30.0}))


@pytest.fixture
def hanging(upstream: Upstream, twin: InMemory) -> None:
    """Have one request hang, which is sent before all others."""
    upstream.allow(providers=(PROVIDER,))
    upstream.take_over(upstream.row())
    twin.fail(HANGS)


async def ended(draining: asyncio.Task[bool]) -> None:
    draining.cancel()
    await asyncio.wait([draining])


@pytest.mark.parametrize("took", [None, 0.06], ids=["nothing_ahead", "ten_ahead"])
def test_a_failed_removal_is_sent_from_the_part_of_the_limit_that_is_kept(
    upstream: Upstream, patient: Hub, twin: InMemory, evidence: Evidence, took: float | None
) -> None:
    permit_id = upstream.active(BOB)
    upstream.allow(BOB, providers=(PROVIDER,))
    asyncio.run(Drain(lane_of(patient, twin), patient.today).run())
    upstream.allow(providers=(PROVIDER,))
    upstream.take_over(*(upstream.row() for _ in range(12)))
    twin.fail(HANGS, count=3)

    async def refuse_meanwhile() -> None:
        lane = lane_of(patient, twin, Limit(200, 36_000.0))  # 20 at once, ten of them kept; none more for minutes
        lane.took = took
        draining = asyncio.create_task(Drain(lane, patient.today).run())
        await eventually_in_loop(lambda: len(twin.calls) == 4)
        lane.limiter.take(10, urgent=False)  # whatever is left of the other ten
        upstream.refuse(BOB)
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET failures = 1 WHERE permit_id = %s", [permit_id])
        await eventually_in_loop(
            lambda: len(twin.calls) == 5 and evidence.shares(permit_id)[PROVIDER]["holds"] is False
        )
        await ended(draining)

    asyncio.run(refuse_meanwhile())


def test_no_change_is_claimed_that_cannot_be_answered_in_time(upstream: Upstream, quick: Hub, twin: InMemory) -> None:
    class Slow(InMemory):
        async def send(self, change: Change) -> Operation | None:
            await asyncio.sleep(answer_seconds)
            return await super().send(change)

    patience = 2.0
    answer_seconds = 0.6 * patience  # a request that waits for this one's slot has too little time left
    claims = list[int]()
    slower = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": patience}))
    lane = lane_of(slower, Slow(PROVIDER, twin.capabilities))
    lane.took = answer_seconds
    upstream.allow(providers=(PROVIDER,))
    upstream.take_over(*(upstream.row() for _ in range(6)))

    async def change_meanwhile() -> None:
        draining = Drain(lane, quick.today)
        running = asyncio.create_task(draining.run())
        await eventually_in_loop(lambda: len(draining._in_flight) == lane.window.routine)
        await asyncio.to_thread(upstream.active)
        for _ in range(4):
            await asyncio.sleep(LOOK_SECONDS)
            claims.append(len(draining._waiting))
        await ended(running)

    asyncio.run(change_meanwhile())
    assert claims == [0] * 4


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize("fresh_seconds", [0.0, 60.0])
def test_it_looks_for_more_only_now_and_then(
    upstream: Upstream,
    patient: Hub,
    twin: InMemory,
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    fresh_seconds: float,
) -> None:
    claims = Counted(claim)
    monkeypatch.setattr(drain, "claim", claims)
    monkeypatch.setattr(drain, "FRESH_SECONDS", fresh_seconds)

    async def decide_meanwhile() -> None:
        draining = asyncio.create_task(Drain(lane_of(patient, twin), patient.today).run())
        await eventually_in_loop(lambda: len(twin.calls) == 1)
        upstream.active()
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET urgency = 0, due_at = now() WHERE lease_id IS NULL")
        began = time.monotonic()
        await asyncio.sleep(5 * LOOK_SECONDS)
        looked = sum(at > began for at in claims.at)
        assert looked > 0
        assert looked <= (time.monotonic() - began) / LOOK_SECONDS + 3  # one more after each that found something
        await ended(draining)

    asyncio.run(decide_meanwhile())


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize("urgency", Urgency)
def test_an_answer_is_recorded_while_another_request_hangs(
    upstream: Upstream, patient: Hub, twin: InMemory, evidence: Evidence, urgency: Urgency
) -> None:
    async def change_meanwhile() -> None:
        draining = asyncio.create_task(Drain(lane_of(patient, twin), patient.today).run())
        await eventually_in_loop(lambda: len(twin.calls) == 1)
        permit_id = upstream.active()
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET urgency = %s WHERE permit_id = %s", [urgency, permit_id])
        await eventually_in_loop(lambda: evidence.shares(permit_id)[PROVIDER]["holds"])
        assert not draining.done()
        await ended(draining)

    asyncio.run(change_meanwhile())


@pytest.mark.usefixtures("hanging")
def test_answers_are_gathered_again_after_each_record(
    upstream: Upstream, patient: Hub, evidence: Evidence, twin: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Steady(InMemory):
        async def send(self, change: Change) -> Operation | None:
            await asyncio.sleep(0.02)
            return await super().send(change)

    gathered = 0.3
    records = Counted(record)
    monkeypatch.setattr(drain, "record", records)
    monkeypatch.setitem(drain.GATHER_SECONDS, Urgency.ROUTINE, gathered)
    steady = Steady(PROVIDER, twin.capabilities)
    steady.fail(HANGS)
    upstream.take_over(*(upstream.row() for _ in range(60)))

    async def send_all() -> None:
        draining = asyncio.create_task(Drain(lane_of(patient, steady), patient.today).run())
        await eventually_in_loop(lambda: evidence.pending() == 1)
        await ended(draining)

    began = time.monotonic()
    asyncio.run(send_all())
    assert len(records.at) <= (time.monotonic() - began) / gathered + 1
