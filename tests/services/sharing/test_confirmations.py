"""Confirmations: what the space shows of providers, and which events are published."""

from schemas.events import EventType
from schemas.space import HeldState
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.upstream import ANNE, BOB, EVERYONE, Upstream

PROVIDER = "easypark"


def test_the_space_shows_what_each_provider_holds(upstream: Upstream, deliver: Deliver, evidence: Evidence) -> None:
    upstream.active()
    states = {}

    def see(step: str) -> None:
        consent = evidence.screen(ANNE).consent
        states[step] = {state.provider: state.state for state in consent.providers}

    see("at first")
    upstream.allow()
    see("allowed")
    deliver()
    see("delivered")
    upstream.refuse()
    see("refused")
    deliver(PROVIDER)
    see("removed at one")
    deliver()
    see("removed everywhere")
    everywhere = {step: next(iter(found.values())) for step, found in states.items() if len(set(found.values())) == 1}
    assert everywhere == {
        "at first": HeldState.NOTHING,
        "allowed": HeldState.SENDING,
        "delivered": HeldState.HELD,
        "refused": HeldState.REMOVING,
        "removed everywhere": HeldState.REMOVED,
    }
    assert states["removed at one"] == dict.fromkeys(EVERYONE, HeldState.REMOVING) | {PROVIDER: HeldState.REMOVED}
    assert all(state.confirmed_at for state in evidence.space(ANNE).consent.providers)


def test_confirmations_are_one_event_per_resident_and_none_for_routine(
    upstream: Upstream, deliver: Deliver, evidence: Evidence
) -> None:
    for _ in range(3):
        upstream.active()
    upstream.allow()
    upstream.allow(BOB)
    upstream.take_over(upstream.row(BOB), upstream.row(BOB))
    deliver(PROVIDER)
    told = [event for event in evidence.told() if event.type is EventType.SHARES_CONFIRMED]
    assert {event.subject for event in told} == {ANNE}
    assert sum(len(event.data.shares) for event in told) == 3
    assert [event.sequence for event in evidence.told(ANNE)] == list(range(1, 5 + len(told)))
