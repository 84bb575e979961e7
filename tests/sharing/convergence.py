"""Whether every world comes to rest once faults stop, in every order of events.

A fair continuation has no faults and no strays: a stray lands within T or never, and the world after the last one
comes to rest as well. A continuation may take detours, but neither for ever nor past a lease.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress

from tests.sharing import outsides
from tests.sharing.play import Play, is_fault
from tests.sharing.promises import is_at_rest
from tests.sharing.world import Scene, World


@dataclass(slots=True, eq=False)
class _Fate:
    """A world in a fair continuation; `number` is the first world that looks like this."""

    number: int
    before: list["_Fate"] = field(default_factory=list)
    open: int = 0  # continuations not yet known to come to rest
    ends: bool = False


def first_stranded(worlds: Sequence[World], play: Play) -> tuple[int, str] | None:
    """Return the number of a world that may never come to rest, with its continuation; the nearest stuck one if any."""
    fates: dict[World, _Fate] = {}
    for number, world in enumerate(worlds):
        fates.setdefault(_as_seen(world), _Fate(number))
    _link(fates, play)
    ended = [fate for world, fate in fates.items() if not fate.open and is_at_rest(world, play.row(world))]
    for fate in ended:  # the list grows while it is read
        fate.ends = True
        for before in fate.before:
            before.open -= 1
            if not before.open:
                ended.append(before)
    stuck = [fate.number for fate in fates.values() if not fate.ends and not fate.open]
    if stuck:
        return min(stuck), "3: nothing more is done, and the provider does not hold the truth"
    endless = [fate.number for fate in fates.values() if not fate.ends]
    if endless:
        return min(endless), "3: it goes on without end"
    return None


def _link(fates: dict[World, _Fate], play: Play) -> None:
    """Note for each world which worlds it can follow without a fault, and how many can follow it."""
    fair: dict[tuple[Scene, bool], list[bool]] = {}  # of each step; what the provider holds does not matter
    for world, fate in fates.items():
        look = (world.scene, world.drifted)
        if look not in fair:
            fair[look] = [not is_fault(step, world) for step, _ in play.steps(world)]
        for _, after in compress(play.steps(world), fair[look]):
            next_fate = fates[_as_seen(after)]
            if next_fate is not fate:
                next_fate.before.append(fate)
                fate.open += 1


def _as_seen(world: World) -> World:
    scene, outside = world
    return World(scene.mirror or scene, outsides.calm(outside))
