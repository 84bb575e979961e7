"""The whole space of the sharing protocol: two drains, any three decisions, any fault at any moment, however often."""

from tests.sharing.exploration import explore
from tests.sharing.promises import unsound
from tests.sharing.rows import Ticks
from tests.sharing.rules import REAL
from tests.sharing.world import Act

A_LEASE_OUTLASTS_SETTLING = Ticks(lease=3, settle=2)
SHORT = Ticks(lease=1, settle=2)


def test_no_order_of_events_breaks_a_promise(exploration):
    assert not exploration.broken, exploration.counterexample()


def test_rows_never_claim_to_know_what_they_cannot(exploration):
    assert not [
        exploration.schedule(number)
        for number, world in enumerate(exploration.worlds)
        if unsound(world, exploration.play.row(world), stalls=False)
    ]


def test_the_whole_space_was_seen(exploration):
    worlds = exploration.worlds
    assert {step.act for _, step in exploration.came_by} == set(Act)
    assert len(worlds) > 150_000
    assert any(not world.decisions and all(world.strays) for world in worlds)


def test_the_promises_hold_when_a_lease_outlasts_settling():
    exploration = explore(REAL, A_LEASE_OUTLASTS_SETTLING)
    assert not exploration.broken, exploration.counterexample()


def test_what_a_sender_undid_that_stalled_beyond_t_is_mended_once_it_records():
    exploration = explore(REAL, SHORT, stalls=True)
    assert not exploration.broken, exploration.counterexample()
    for world in exploration.worlds:
        assert not unsound(world, exploration.play.row(world), stalls=True)
