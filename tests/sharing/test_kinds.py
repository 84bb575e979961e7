"""The urgent drain beside a provider's own one: no order of events breaks a promise, and every mutant is caught."""

import pytest

from tests.sharing.kinds import PROVIDERS, URGENT, Act, KindRules
from tests.sharing.kinds_explored import Found, explore
from tests.sharing.mutants_kinds import MUTANTS
from tests.sharing.rows import Ticks

TICKS = Ticks(lease=1, settle=1)
TWO_DECISIONS_ONE_FAULT, ONE_DECISION_TWO_FAULTS = (2, 1), (1, 2)


@pytest.fixture(scope="module")
def found() -> Found:
    """Explore two decisions with one fault, once for all tests."""
    return explore(KindRules(), TICKS, *TWO_DECISIONS_ONE_FAULT)


def test_no_order_of_events_breaks_a_promise(found: Found) -> None:
    assert not found.broken, found.counterexample()


def test_no_order_of_more_faults_breaks_a_promise() -> None:
    more = explore(KindRules(), TICKS, *ONE_DECISION_TWO_FAULTS)
    assert not more.broken, more.counterexample()


def test_the_exploration_covers_both_kinds_of_drain(found: Found) -> None:
    steps = {step for _, step in found.came_by}
    assert {step.act for step in steps} == set(Act)
    one_lost = [
        world
        for world in found.worlds
        if world.urgent
        and [claim and claim.holds_row for claim in world.urgent.claims] in ([True, False], [False, True])
    ]
    together = [step for world in one_lost for step, _ in found.play.steps(world) if step.providers == PROVIDERS]
    assert any(step.act is Act.RECORD and step.lane == URGENT for step in together)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    rules, promise, scope = MUTANTS[name]
    counterexample = explore(rules, TICKS, *scope).counterexample()
    assert counterexample.startswith(f"promise {promise}:"), counterexample
