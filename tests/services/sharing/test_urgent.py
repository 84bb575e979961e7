"""The urgent drain: a resident's decision goes to all providers at once, and none of them holds up another."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from integrations.base import Change, Limit, Operation
from integrations.errors import FailureCode, UnclearError
from integrations.memory import Fault, InMemory
from schemas.events import EventType
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, BOB, EVERYONE, Upstream
from tests.support.waiting import eventually_in_loop
from worker.domain.breaker import BreakerState
from worker.hub import Hub
from worker.live.wake_ups import URGENT
from worker.services.sharing import urgent
from worker.services.sharing.drain import Drain
from worker.services.sharing.urgent import UrgentDrain

Twins = dict[str, InMemory]
Urgently = Callable[..., set[str]]


@pytest.fixture
def urgently(quick: Hub, twins: Twins) -> Urgently:
    """Drain what is urgent, to these providers or to those of the twins; return where work may be left."""

    def urgently(hub: Hub = quick, **limits: Limit) -> set[str]:
        lanes = {name: lane_of(hub, twin, *([limits[name]] if name in limits else ())) for name, twin in twins.items()}
        return asyncio.run(UrgentDrain(hub, lanes, hub.today).run())

    return urgently


@pytest.fixture
def shared(upstream: Upstream, deliver: Callable[..., bool], wake_ups: list[str], hub: Hub) -> None:
    """Have Anne share a permit with all providers, and nothing wait."""
    upstream.active()
    upstream.allow()
    deliver()
    hub.live.wake_ups.end(URGENT)
    wake_ups.clear()


def shares(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return the shares of the one permit, by provider."""
    return evidence.shares(evidence.value("SELECT permit_id FROM permits"))


class Silent(InMemory):
    """A provider that never answers."""

    async def send(self, change: Change) -> Operation | None:
        """Take the change, and say nothing."""
        await super().send(change)
        await asyncio.sleep(60)
        return None


@pytest.mark.usefixtures("shared")
def test_a_withdrawal_is_claimed_and_recorded_for_all_providers_together(
    upstream: Upstream,
    urgently: Urgently,
    twins: Twins,
    evidence: Evidence,
    wake_ups: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(urgent, "GATHER_SECONDS", 5.0)  # on a busy machine, four answers may take longer than usual
    upstream.refuse()
    assert wake_ups == [URGENT]
    assert urgently() == set()
    assert not any(twins[name].held for name in EVERYONE)
    assert evidence.value("SELECT count(DISTINCT recorded_at) FROM disclosures WHERE fields_hash = ''") == 1
    *_, confirmed = evidence.told(ANNE)
    assert confirmed.type is EventType.SHARES_CONFIRMED
    assert {share.provider for share in confirmed.data.shares} == set(EVERYONE)
    assert not any(share.held for share in confirmed.data.shares)


@pytest.mark.usefixtures("shared")
def test_a_silent_provider_holds_up_no_other(
    upstream: Upstream, quick: Hub, twins: Twins, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urgent, "LOOK_SECONDS", 60.0)
    twins["flowbird"] = Silent("flowbird", quick.capabilities["flowbird"])
    upstream.refuse()
    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 30.0}))
    lanes = {name: lane_of(patient, twin) for name, twin in twins.items()}

    async def until_the_others_are_confirmed() -> None:
        drain = asyncio.create_task(UrgentDrain(patient, lanes, patient.today).run())
        others = set(EVERYONE) - {"flowbird"}
        while {name for name, share in shares(evidence).items() if share["holds"] is False} != others:
            assert not drain.done()
            await asyncio.sleep(0.005)
        assert shares(evidence)["flowbird"]["lease_id"] is not None, "its request was recorded with the others"
        drain.cancel()
        await asyncio.wait([drain])

    asyncio.run(until_the_others_are_confirmed())
    assert shares(evidence)["flowbird"]["holds"] is None


@pytest.mark.usefixtures("shared")
def test_a_provider_that_hangs_does_not_keep_later_decisions_waiting(
    upstream: Upstream, quick: Hub, twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions go out at once even when the drain has begun long ago and waits for its last requests."""
    monkeypatch.setattr(urgent, "DRAIN_SECONDS", 0.0)
    monkeypatch.setattr(urgent, "LEAST_SECONDS", 0.1)
    patient = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 5.0}))
    twins["flowbird"] = Silent("flowbird", quick.capabilities["flowbird"])
    upstream.active(BOB)
    upstream.allow(BOB)
    lanes = {name: lane_of(patient, twin) for name, twin in twins.items()}
    others = [twin for name, twin in twins.items() if name in EVERYONE and name != "flowbird"]

    async def refused_meanwhile() -> None:
        drain = asyncio.create_task(UrgentDrain(patient, lanes, patient.today).run())
        await eventually_in_loop(lambda: all(len(twin.held) == 2 for twin in others))
        await asyncio.to_thread(upstream.refuse, BOB)
        await eventually_in_loop(lambda: all(len(twin.held) == 1 for twin in others))
        assert not drain.done(), "the silent provider's request has ended"
        drain.cancel()
        await asyncio.wait([drain])

    asyncio.run(refused_meanwhile())


@pytest.mark.usefixtures("shared")
def test_a_decision_made_while_another_is_being_sent_goes_out_in_the_same_drain(
    upstream: Upstream, quick: Hub, twins: Twins, evidence: Evidence
) -> None:
    class Allowing(InMemory):
        async def send(self, change: Change) -> Operation | None:
            if not self.calls:
                upstream.allow(seen=2)
            return await super().send(change)

    twins["easypark"] = Allowing("easypark", quick.capabilities["easypark"])
    upstream.refuse()
    lanes = {name: lane_of(quick, twin) for name, twin in twins.items()}
    assert asyncio.run(UrgentDrain(quick, lanes, quick.today).run()) == set()
    assert {name for name in EVERYONE if twins[name].held} == set(EVERYONE)
    assert evidence.value("SELECT count(*) FROM shares WHERE confirmed_version < wanted_version") == 0


@pytest.mark.usefixtures("shared")
def test_work_that_is_not_urgent_is_left_alone(
    upstream: Upstream, urgently: Urgently, twins: Twins, evidence: Evidence
) -> None:
    upstream.active(BOB)
    upstream.take_over(upstream.row())
    before = {name: len(twin.calls) for name, twin in twins.items()}
    assert urgently() == set()
    assert {name: len(twin.calls) for name, twin in twins.items()} == before


@pytest.mark.usefixtures("shared")
def test_a_failed_request_is_tried_again_by_the_providers_own_lane(
    upstream: Upstream, urgently: Urgently, quick: Hub, twins: Twins, evidence: Evidence
) -> None:
    twins["easypark"].fail(Fault(UnclearError("easypark", FailureCode.TIMED_OUT)))
    upstream.refuse()
    urgently()
    assert shares(evidence)["easypark"]["failures"] == 1
    assert {name for name in EVERYONE if twins[name].held} <= {"easypark"}
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET due_at = now() WHERE provider = 'easypark'")
    asyncio.run(Drain(lane_of(quick, twins["easypark"]), quick.today).run())
    assert not twins["easypark"].held


@pytest.mark.usefixtures("shared")
def test_behind_an_open_breaker_a_withdrawal_is_tried_once(
    upstream: Upstream, urgently: Urgently, twins: Twins, evidence: Evidence
) -> None:
    with evidence.database.connect() as connection:
        connection.execute(
            "INSERT INTO providers (provider, breaker, opened_at, probe_at)"
            " VALUES ('easypark', %s, now(), now() + interval '1 hour')"
            " ON CONFLICT (provider) DO UPDATE SET breaker = excluded.breaker, probe_at = excluded.probe_at",
            [BreakerState.OPEN],
        )
    twins["easypark"].fail(Fault(UnclearError("easypark", FailureCode.TIMED_OUT)))
    sent = len(twins["easypark"].calls)
    upstream.refuse()
    urgently()
    urgently()
    assert len(twins["easypark"].calls) - sent == 1


@pytest.mark.usefixtures("shared")
def test_a_paused_provider_is_sent_nothing(
    upstream: Upstream, urgently: Urgently, twins: Twins, evidence: Evidence
) -> None:
    with evidence.database.connect() as connection:
        connection.execute(
            "INSERT INTO providers (provider, paused_at) VALUES ('easypark', now())"
            " ON CONFLICT (provider) DO UPDATE SET paused_at = now()"
        )
    upstream.refuse()
    urgently()
    assert {name for name in EVERYONE if twins[name].held} == {"easypark"}


def test_what_a_rate_limit_holds_back_is_left_to_the_providers_own_lane(
    upstream: Upstream, urgently: Urgently, twins: Twins, hub: Hub
) -> None:
    for _ in range(4):
        upstream.active()
    upstream.allow()
    assert urgently(easypark=Limit(20, 600.0)) == {"easypark"}  # a tenth of the limit goes at once
    assert len(twins["easypark"].calls) == 2
    assert {len(twins[name].calls) for name in EVERYONE if name != "easypark"} == {4}


@pytest.mark.usefixtures("shared")
def test_when_no_provider_may_be_sent_anything_all_are_left_to_their_own_lanes(
    upstream: Upstream, quick: Hub, twins: Twins
) -> None:
    lanes = {name: lane_of(quick, twins[name], Limit(1, 600.0)) for name in EVERYONE}
    upstream.refuse()
    assert asyncio.run(UrgentDrain(quick, lanes, quick.today).run()) == set()
    upstream.allow(seen=2)
    assert asyncio.run(UrgentDrain(quick, lanes, quick.today).run()) == set(EVERYONE)


@pytest.mark.usefixtures("shared")
def test_two_urgent_drains_at_once_send_each_decision_once(upstream: Upstream, quick: Hub, twins: Twins) -> None:
    sent = {name: len(twin.calls) for name, twin in twins.items()}
    upstream.refuse()

    async def both() -> None:
        drains = [UrgentDrain(quick, {n: lane_of(quick, t) for n, t in twins.items()}, quick.today) for _ in range(2)]
        await asyncio.gather(*(drain.run() for drain in drains))

    asyncio.run(both())
    assert {name: len(twins[name].calls) - sent[name] for name in EVERYONE} == dict.fromkeys(EVERYONE, 1)


@pytest.mark.usefixtures("shared")
def test_an_erasure_is_urgent_at_every_provider(
    upstream: Upstream, urgently: Urgently, twins: Twins, wake_ups: list[str]
) -> None:
    upstream.applied("resident.erase")
    assert wake_ups == [URGENT]
    urgently()
    assert not any(twin.held for twin in twins.values())


def test_more_decisions_than_one_claim_takes_all_go_out(
    upstream: Upstream, urgently: Urgently, quick: Hub, twins: Twins
) -> None:
    residents = [f"r-{number}" for number in range(40)]
    for resident_id in residents:
        upstream.active(resident_id)
        upstream.allow(resident_id)
    narrow = replace(quick, settings=quick.settings.model_copy(update={"in_flight": 8}))
    assert urgently(narrow) == set()
    assert {len(twins[name].held) for name in EVERYONE} == {len(residents)}
