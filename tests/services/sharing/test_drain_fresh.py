"""A provider's own drain leaves fresh decisions to the urgent one for a moment, and loses none of them."""

import asyncio
from datetime import timedelta

import pytest

from integrations.base import Change, Operation
from integrations.memory import InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, lane_of
from tests.services.upstream import Upstream
from tests.support.waiting import eventually_in_loop
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.right_of_way import LONGEST_SECONDS
from worker.services.sharing import drain
from worker.services.sharing.claim import claim
from worker.services.sharing.drain import Drain
from worker.services.sharing.urgent import UrgentDrain

PROVIDER, CITY = "easypark", "city_hub"


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[PROVIDER]


def test_a_decision_that_no_urgent_drain_sends_is_sent_by_the_lane(
    upstream: Upstream, deliver: Deliver, twin: InMemory, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = timedelta(seconds=2 * LONGEST_SECONDS)  # it outlasts the decision's right of way
    monkeypatch.setattr(drain, "FRESH_SECONDS", fresh.total_seconds())
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    decided = evidence.value("SELECT due_at FROM shares WHERE provider = %s", PROVIDER)
    assert deliver(PROVIDER) is False
    assert len(twin.calls) == 1
    assert evidence.value("SELECT recorded_at FROM disclosures") - decided > fresh


def test_a_change_made_while_its_share_is_leased_is_sent_by_the_same_drain(
    upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "FRESH_SECONDS", 60)

    class Changing(InMemory):
        async def send(self, change: Change) -> Operation | None:
            operation = await super().send(change)
            if len(self.calls) == 1:
                upstream.refuse()
            return operation

    upstream.allow(providers=(PROVIDER,))
    upstream.active()
    twin = Changing(PROVIDER, hub.capabilities[PROVIDER])
    assert asyncio.run(Drain(lane_of(quick, twin), hub.today).run()) is False
    assert not twin.held
    assert evidence.pending() == 0


@pytest.mark.parametrize("shut", ["breaker = 'open'", "held_until = now() + interval '1 min'"])
def test_it_stays_awake_for_what_passes_an_open_breaker_or_a_hold(
    upstream: Upstream,
    deliver: Deliver,
    twin: InMemory,
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    shut: str,
) -> None:
    monkeypatch.setattr(drain, "FRESH_SECONDS", 2 * LONGEST_SECONDS)
    _set_state(evidence, f"{shut}, probe_at = now() + interval '1 min'")
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    assert deliver(PROVIDER) is False
    assert len(twin.calls) == 1


def test_it_does_not_stay_awake_during_a_pause(
    upstream: Upstream, deliver: Deliver, twin: InMemory, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "FRESH_SECONDS", 60.0)
    _set_state(evidence, "paused_at = now()")
    upstream.active()
    upstream.allow(providers=(PROVIDER,))
    assert deliver(PROVIDER) is False
    assert not twin.calls


def test_beside_the_urgent_drain_it_sends_the_rest(
    upstream: Upstream, quick: Hub, twin: InMemory, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asked(InMemory):
        """A twin for one drain, so that it shows who sent what."""

        async def send(self, change: Change) -> Operation | None:
            await twin.send(change)
            return await super().send(change)

    monkeypatch.setattr(drain, "FRESH_SECONDS", 60.0)
    upstream.allow(providers=(PROVIDER,))
    decided = upstream.active()
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET urgency = 0")
    changed = upstream.active()
    own, urgently = (Asked(PROVIDER, twin.capabilities) for _ in range(2))

    async def both() -> None:
        lane = asyncio.create_task(Drain(lane_of(quick, own), quick.today).run())
        await eventually_in_loop(lambda: own.calls)
        await UrgentDrain(quick, {PROVIDER: lane_of(quick, urgently)}, quick.today).run()
        assert await lane is False

    asyncio.run(both())
    sent = [[str(call.reference) for call in by.calls] for by in (urgently, own)]
    assert sent == [[evidence.shares(permit_id)[PROVIDER]["reference"]] for permit_id in (decided, changed)]
    assert evidence.pending() == 0


def test_a_first_load_leaves_them_too_when_it_fills_its_request(
    upstream: Upstream, hub: Hub, twins: dict[str, InMemory], evidence: Evidence
) -> None:
    upstream.take_over(*(upstream.row() for _ in range(12)))
    with evidence.database.connect() as connection:
        connection.execute(
            "UPDATE shares SET urgency = 0, due_at = now() WHERE provider = %s AND permit_id IN"
            " (SELECT min(permit_id::text)::uuid FROM permits)",
            [CITY],
        )
    found = claim(lane_of(hub, twins[CITY]), 2, Urgency.ROUTINE, hub.today(), fresh_seconds=60.0)
    assert len(found.shares) == 11
    assert found.fresh


def _set_state(evidence: Evidence, state: str) -> None:
    with evidence.database.connect() as connection:
        connection.execute("INSERT INTO providers (provider) VALUES (%s) ON CONFLICT DO NOTHING", [PROVIDER])
        connection.execute(f"UPDATE providers SET {state} WHERE provider = %s", [PROVIDER])
