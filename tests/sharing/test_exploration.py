"""The whole space of the sharing protocol, in parts: each with two drains, and any fault at any moment."""

import pytest

from tests.sharing.exploration import Exploration, explore
from tests.sharing.promises import unsound
from tests.sharing.rows import NONE, ONE_PLATE, TWO_PLATES, A, B, Ticks
from tests.sharing.rules import REAL
from tests.sharing.turns import Scope
from tests.sharing.world import Act

SHORT = Ticks(lease=1, settle=2)
LEASES_OUTLAST_SETTLING = Ticks(lease=3, settle=2)

PARTS = {
    "three decisions, leases that outlast settling": (LEASES_OUTLAST_SETTLING, Scope(decisions=3)),
    "three decisions, senders that stall beyond T until they record": (SHORT, Scope(decisions=3, stalls=True)),
    "two decisions, longer times": (Ticks(), Scope(decisions=2)),
    "two decisions, operations": (SHORT, Scope(decisions=2, later=True)),
    "one decision, operations, leases that outlast settling": (LEASES_OUTLAST_SETTLING, Scope(decisions=1, later=True)),
    "one decision, operations, longer times": (Ticks(), Scope(decisions=1, later=True)),
    "one decision, operations, senders that stall": (SHORT, Scope(decisions=1, later=True, stalls=True)),
    "two decisions, one drift or invalidate": (SHORT, Scope(decisions=2, invalidations=1)),
    "two decisions on one plate, refused data is kept": (SHORT, Scope(decisions=2, subjects=ONE_PLATE)),
    "two decisions on two plates, refused data is kept": (SHORT, Scope(decisions=2, subjects=TWO_PLATES)),
    "one decision, operations, an invalidation, kept": (
        SHORT,
        Scope(decisions=1, invalidations=1, later=True, subjects=ONE_PLATE),
    ),
}
"""Beside the fixtures: `exploration` has three decisions; `waiting` one, operations, and one drift or invalidation."""


def assert_kept(exploration: Exploration, *, stalls: bool = False) -> None:
    """Check that no promise breaks, and that rows never claim knowledge that they cannot have."""
    assert not exploration.broken, exploration.counterexample()
    looks = set()
    for number, world in enumerate(exploration.worlds):
        scene, outside = world
        look = (scene if stalls else scene.row, outside.held, outside.drifted)
        if look not in looks:
            looks.add(look)
            claim = unsound(world, exploration.play.row(world), stalls=stalls)
            assert not claim, (claim, exploration.schedule(number))


def acts_in(exploration: Exploration) -> set[Act]:
    return {step.act for _, step in exploration.came_by}


def test_no_order_of_events_breaks_a_promise(exploration: Exploration) -> None:
    assert_kept(exploration)


def test_no_order_of_operations_and_invalidations_breaks_a_promise(waiting: Exploration) -> None:
    assert_kept(waiting)


@pytest.mark.parametrize("part", PARTS)
def test_no_order_of_events_breaks_a_promise_in_this_variant(part: str) -> None:
    ticks, scope = PARTS[part]
    assert_kept(explore(REAL, ticks, scope), stalls=scope.stalls)


def test_the_exploration_covers_the_whole_space(exploration: Exploration, waiting: Exploration) -> None:
    worlds = exploration.worlds
    assert len(worlds) > 250_000
    assert any(not world.decisions and all(world.strays) for world in worlds)
    # An operation carried out later leads to no world that one carried out before its answer does not lead to.
    assert acts_in(exploration) | acts_in(waiting) | {Act.CARRY_OUT} == set(Act)


def test_a_removal_is_final_beside_a_stray_removal_and_a_put_is_provisional_beside_any_stray(
    exploration: Exploration, waiting: Exploration
) -> None:
    rows = [row for explored in (exploration, waiting) for row in explored.rows.rows]
    told = {(row.payload, row.settled, row.puts_settled) for row in rows if row.payload is not None}
    assert told == {(NONE, True, True), (NONE, False, True), (A, True, True), (B, True, True)}
    later = {
        (row.share.stray_put_until, row.share.unsettled_until)
        for row in rows
        if row.share.stray_put_until is not None and row.share.unsettled_until is not None
    }
    assert all(row.share.unsettled_until is not None for row in rows if not row.puts_settled)
    assert all(put <= unsettled for put, unsettled in later)
    assert any(put < unsettled for put, unsettled in later)


def test_the_exploration_covers_every_outcome_of_an_operation(waiting: Exploration) -> None:
    operations = {world.operation for world in waiting.worlds if world.operation}
    assert {(bool(operation.air), operation.done) for operation in operations} == {
        (True, False),  # under way
        (False, True),  # carried out
        (False, False),  # never carried out
    }
    assert any(world.operation and any(world.strays) and world.drifted for world in waiting.worlds)
