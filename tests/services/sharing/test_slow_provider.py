"""A slow provider that still answers in time: no request is given up."""

import asyncio
from dataclasses import replace

import pytest

from integrations.base import Change, Operation
from integrations.memory import InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import Upstream
from tests.support.waiting import eventually
from worker.hub import Hub
from worker.services.sharing.drain import Drain

PROVIDER = "easypark"
REQUEST_SECONDS = 1.5


@pytest.mark.parametrize("part", [0.3, 0.6], ids=["a third", "more than half"])
def test_shares_claimed_ahead_are_answered_before_their_deadline(
    upstream: Upstream, quick: Hub, evidence: Evidence, part: float
) -> None:
    class Slow(InMemory):
        async def send(self, change: Change) -> Operation | None:
            await asyncio.sleep(REQUEST_SECONDS * part)
            return await super().send(change)

    limits = {"request_seconds": REQUEST_SECONDS, "in_flight": 8, "urgent_slots": 1}
    hub = replace(quick, settings=quick.settings.model_copy(update=limits))
    twin = Slow(PROVIDER, hub.capabilities[PROVIDER])
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(24)))
    lane = lane_of(hub, twin)
    eventually(lambda: not asyncio.run(Drain(lane, hub.today).run()), seconds=60)
    outcomes = evidence.query("SELECT outcome, code, count(*) FROM disclosure_outcomes GROUP BY 1, 2")
    assert outcomes == [("confirmed", None, 24)]
