"""A provider that serves a few requests at a time: a lane sends no more than it can answer in time."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from integrations import registry
from integrations.base import Change, Operation
from integrations.memory import InMemory
from integrations.sandbox.misbehaviour import Kind
from tests.conftest import Sandbox
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import BOB, Upstream
from tests.support.waiting import eventually, eventually_in_loop
from worker.hub import Hub
from worker.services.sharing.drain import Drain
from worker.services.sharing.lane import Lane

PROVIDER = "easypark"
AT_ONCE, SERVICE_MS = 2, 250.0  # eight requests a second: 60 at once would take 7.5 s
FITS = 24  # answered within a request's time of 3 s
PERMITS = 400
TIMED_OUT = "SELECT count(*) FROM disclosure_outcomes WHERE code = 'timed_out' AND recorded_at > %s"
CONFIRMED = "SELECT count(*) FROM disclosure_outcomes WHERE outcome = 'confirmed' AND recorded_at > %s"


@pytest.fixture
def patient(hub: Hub) -> Hub:
    """Return the hub with a window too wide for the provider."""
    limits = {"request_seconds": 3.0, "in_flight": 64, "urgent_slots": 4}
    return replace(hub, settings=hub.settings.model_copy(update=limits))


@contextmanager
def lane_to_sandbox(patient: Hub) -> Iterator[tuple[Lane, Callable[[], bool]]]:
    """Yield a lane to the sandbox, and a way to drain it for a while."""
    with asyncio.Runner() as runner:
        access = registry.access(PROVIDER)
        adapter = registry.adapter(PROVIDER, access, zone=patient.zone, connections=patient.settings.in_flight)
        lane = lane_of(patient, adapter)
        try:
            yield lane, lambda: runner.run(Drain(lane, patient.today).run())
        finally:
            runner.run(adapter.aclose())


def test_an_overloaded_provider_soon_times_out_rarely_and_withdrawals_stay_quick(
    upstream: Upstream, patient: Hub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, evidence: Evidence
) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    upstream.active(BOB)
    upstream.allow(BOB)
    upstream.allow()
    with lane_to_sandbox(patient) as (lane, drain):
        drain()
        assert len(sandbox.control.held(PROVIDER)) == 1
        upstream.take_over(*(upstream.row() for _ in range(PERMITS)))
        sandbox.control.misbehave(PROVIDER, Kind.BUSY, at_once=AT_ONCE, delay_ms=SERVICE_MS)
        eventually(lambda: drain() or lane.window.routine < FITS, seconds=60)  # the lane has adapted
        settled = evidence.value("SELECT clock_timestamp() + interval '3 s'")  # earlier requests may still time out
        eventually(lambda: drain() or evidence.value(CONFIRMED, settled) > 2 * FITS, seconds=90)
        assert evidence.value(TIMED_OUT, settled) <= evidence.value(CONFIRMED, settled) / 10
        upstream.refuse(BOB)
        eventually(lambda: drain() or evidence.value(REMOVED, BOB) == 1, seconds=30)
        assert evidence.value(ATTEMPTS, BOB) == 1


REMOVED = """
    SELECT count(*) FROM shares JOIN permits USING (permit_id)
    WHERE resident_id = %s AND provider = 'easypark' AND holds IS FALSE
"""
ATTEMPTS = """
    SELECT count(*) FROM disclosures JOIN permits USING (permit_id)
    WHERE resident_id = %s AND provider = 'easypark' AND fields_hash = ''
"""


def test_a_withdrawal_has_a_slot_in_the_narrowest_window(
    upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence
) -> None:
    class Hanging(InMemory):
        async def send(self, change: Change) -> Operation | None:
            if change.permit is not None and held:
                self.calls.append(self._call(change))
                await asyncio.Event().wait()
            return await super().send(change)

    held: list[object] = []
    twin = Hanging(PROVIDER, hub.capabilities[PROVIDER])
    upstream.active(BOB)
    upstream.allow(BOB)
    slow = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 3.0, "in_flight": 8}))
    lane = lane_of(slow, twin)
    asyncio.run(Drain(lane, hub.today).run())
    held += twin.held
    while lane.window.routine > 1:
        lane.window.note_time_out(float("inf"), float("inf"))
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(8)))

    async def withdraw_meanwhile() -> None:
        draining = asyncio.create_task(Drain(lane, hub.today).run())
        await eventually_in_loop(lambda: len(twin.calls), equals=2)
        upstream.refuse(BOB)
        await eventually_in_loop(lambda: not twin.held)
        draining.cancel()
        await asyncio.wait([draining])

    asyncio.run(withdraw_meanwhile())
    assert [call.put is None for call in twin.calls] == [False, False, True]
