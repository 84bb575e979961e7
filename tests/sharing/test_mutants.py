"""The exploration finds every mutant, and shows how it fails."""

import pytest

from tests.sharing.all_mutants import MUTANTS
from tests.sharing.exploration import explore
from tests.sharing.rows import Ticks

SHORT = Ticks(lease=1, settle=2)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    rules, promise, scope = MUTANTS[name]
    counterexample = explore(rules, SHORT, scope).counterexample()
    assert counterexample.startswith(f"promise {promise}:"), counterexample


def test_a_counterexample_shows_every_step() -> None:
    rules, _, scope = MUTANTS["no settling"]
    lines = explore(rules, Ticks(), scope).counterexample().splitlines()
    assert (
        lines[0] == "promise 1: a resident is told removed, and the provider holds data, or a stray may bring it back"
    )
    assert lines[1].startswith("  1. the truth becomes A ")
    assert lines[1].endswith(" provider: nothing  row: known to hold nothing, pending, due")
    assert "records confirmed nothing" in lines[-1]
