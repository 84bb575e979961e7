"""What the exploration is worth: it tells every wrong protocol from the right one, and shows how it fails."""

from dataclasses import replace

import pytest

from tests.sharing.exploration import explore
from tests.sharing.mutants import BEYOND_T, MUTANTS
from tests.sharing.rows import NOW, Ticks
from worker.domain.sharing import Share, Urgency, want


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name):
    rules, promise = MUTANTS[name]
    counterexample = explore(rules, Ticks(), decisions=2).counterexample()
    assert counterexample.startswith(f"promise {promise}:"), counterexample


@pytest.mark.parametrize("name", BEYOND_T)
def test_a_mutant_is_caught_once_a_sender_stalls_beyond_t(name):
    rules, promise = BEYOND_T[name]
    counterexample = explore(rules, Ticks(lease=1, settle=2), decisions=2, stalls=True).counterexample()
    assert counterexample.startswith(f"promise {promise}:"), counterexample


def test_a_counterexample_tells_the_whole_way():
    rules, _ = MUTANTS["no settling"]
    lines = explore(rules, Ticks(), decisions=2).counterexample().splitlines()
    assert lines[0] == "promise 1: a removal was confirmed for good, and the provider holds data"
    assert lines[1].startswith("  1. the truth becomes A ")
    assert lines[1].endswith(" provider: nothing  row: known to hold nothing, pending, due")
    assert "a stray is applied: A" in lines[-2]
    assert "records confirmed nothing" in lines[-1]


@pytest.mark.parametrize("first", Urgency)
@pytest.mark.parametrize("second", Urgency)
def test_what_waits_keeps_the_higher_urgency(first, second):
    waiting = want(Share(due_at=NOW), first, NOW)
    assert want(waiting, second, NOW).urgency == min(first, second)


@pytest.mark.parametrize("first", Urgency)
@pytest.mark.parametrize("second", Urgency)
def test_what_is_done_leaves_its_urgency_behind(first, second):
    waiting = want(Share(due_at=NOW), first, NOW)
    done = replace(waiting, confirmed_version=waiting.wanted_version)
    assert want(done, second, NOW).urgency is second
