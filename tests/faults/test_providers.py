"""Providers that fail, lie or lag end up holding the truth, and delay no other provider."""

import time
from collections.abc import Callable
from typing import Any

from integrations.sandbox.misbehaviour import Kind
from tests.faults.harness import SETTLE_SECONDS, Stack
from tests.faults.people import EVERYWHERE, NOWHERE, Person, holders, misbehaves, people, was_applied, was_put
from tests.support.waiting import eventually

Note = Callable[[str, object], None]


def removals(stack: Stack, person: Person, wanted: frozenset[str], seconds: float = 20.0) -> dict[str, float]:
    """Withdraw consent; return when each provider confirmed the removal, in milliseconds from the submission."""
    confirmed: dict[str, float] = {}
    with stack.hub.watch(person.resident_id) as watch:
        started = time.perf_counter()
        person.does(person.refusal())
        while not confirmed.keys() >= wanted:
            event = watch.next(seconds)
            assert event is not None, f"confirmed by {sorted(confirmed)} alone"
            told: Any = event
            for share in told.get("data", {}).get("shares", ()):
                if not share["held"]:
                    confirmed.setdefault(share["provider"], round((time.perf_counter() - started) * 1000, 1))
    return confirmed


def test_changing_the_plate_forth_and_back_over_a_lost_answer_ends_with_the_first_plate(stack: Stack) -> None:
    (person,) = people(stack, 1)
    person.shares()
    for provider in EVERYWHERE:
        misbehaves(stack, provider, Kind.RESET_AFTER)
    person.does(person.vehicle("B"))
    eventually(lambda: holders(stack, person.plate("B")), "B held everywhere", equals=EVERYWHERE)
    person.does(person.vehicle("A"))
    eventually(lambda: holders(stack, person.plate("A")), "A held everywhere", equals=EVERYWHERE)
    stack.converges()
    assert holders(stack, person.plate("A")) == EVERYWHERE
    assert holders(stack, person.plate("B")) == NOWHERE


def test_no_removal_is_published_before_a_late_put_is_removed_again(stack: Stack) -> None:
    (person,) = people(stack, 1)
    for provider in EVERYWHERE:
        misbehaves(stack, provider, Kind.LATE, delay_ms=SETTLE_SECONDS * 700)
    person.does(person.allowance())
    eventually(lambda: all(was_put(stack, person, name) for name in EVERYWHERE), "a request to each")
    removals(stack, person, EVERYWHERE, seconds=60.0)
    assert holders(stack, person.plate()) == NOWHERE
    # A provider that fences, too: it cannot delete what it was never sent, so it has seen no later version.
    assert all(was_applied(stack, person, name) for name in EVERYWHERE)
    stack.converges()
    assert holders(stack, person.plate()) == NOWHERE


def test_a_provider_that_is_down_delays_no_other_and_recovers_by_itself(stack: Stack, record_property: Note) -> None:
    alike, person = people(stack, 2)
    for one in (alike, person):
        one.shares()
    record_property("all_up_ms", removals(stack, alike, EVERYWHERE))
    stack.control.misbehave("easypark", Kind.DOWN)
    record_property("one_down_ms", removals(stack, person, EVERYWHERE - {"easypark"}))
    assert holders(stack, person.plate()) == {"easypark"}
    space = stack.hub.space(person.resident_id)
    assert space is not None
    states = {provider["provider"]: provider["state"] for provider in space["consent"]["providers"]}
    assert states == dict.fromkeys(EVERYWHERE, "removed") | {"easypark": "removing"}
    tried = stack.control.counts("easypark").received
    eventually(lambda: stack.control.counts("easypark").received >= tried + 2, "tried again")
    stack.control.behave("easypark")
    record_property("converged_s", stack.converges())
    assert holders(stack, person.plate()) == NOWHERE
