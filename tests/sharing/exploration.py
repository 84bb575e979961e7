"""Every reachable world, and the shortest way to one that breaks a promise, if there is one."""

import gc
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.sharing import outsides
from tests.sharing.convergence import first_stranded
from tests.sharing.play import TICK, Play
from tests.sharing.promises import broken_by_step, broken_by_world
from tests.sharing.rows import NAMES, Rows, Ticks
from tests.sharing.rules import Rules
from tests.sharing.turns import Scope
from tests.sharing.world import Step, World


class Broken(NamedTuple):
    """A broken promise, the number of the world, and the step from there that breaks it, if it is a step."""

    promise: str
    number: int
    last: Step | None = None


@dataclass
class Exploration:
    """The worlds found, nearest first, each with the step that first led to it."""

    rows: Rows
    play: Play
    worlds: list[World]
    came_by: list[tuple[int, Step]] = field(default_factory=lambda: [(0, TICK)])
    broken: Broken | None = None

    def schedule(self, number: int, last: Step | None = None) -> list[tuple[Step, World]]:
        """Return the shortest way to a world, and one step further; each drain keeps its number throughout."""
        steps = [] if last is None else [last]
        while number:
            number, step = self.came_by[number]
            steps.append(step)
        world, mirrored, schedule = self.worlds[0], False, []
        for step in reversed(steps):
            reached = next(after for possible, after in self.play.steps(world) if possible == step)
            world = canonical(reached)
            step = step._replace(drain=step.drain ^ mirrored)
            mirrored ^= world.drains != reached.drains
            schedule.append((step, self.play.mirrored(world) if mirrored else world))
        return schedule

    def counterexample(self) -> str:
        """Return step by step how the promise is broken; empty if it is not."""
        if self.broken is None:
            return ""
        schedule = self.schedule(self.broken.number, self.broken.last)
        told = [
            f"{number:3}. {step!s:<58} provider: {NAMES[world.held]:<8} row: {self.rows.rows[world.row]}"
            for number, (step, world) in enumerate(schedule, 1)
        ]
        return "\n".join([f"promise {self.broken.promise}", *told])


def explore(rules: Rules, ticks: Ticks, scope: Scope) -> Exploration:
    """Visit every world, breadth first; stop at the first that breaks a promise."""
    gc.disable()  # no cycles are made here, and the search for them would double the time
    try:
        return _explore(rules, ticks, scope)
    finally:
        gc.enable()


def _explore(rules: Rules, ticks: Ticks, scope: Scope) -> Exploration:
    rows = Rows(rules, ticks, scope.subjects)
    play = Play(rows, scope)
    found = Exploration(rows, play, [play.start()])
    known, checked = set(found.worlds), set()
    for number, world in enumerate(found.worlds):  # the list grows while it is read
        scene, outside = world
        row = rows.rows[scene.row]
        allowed = (scene, outside.decisions, outside.invalidations, outside.drifted)
        is_checked = allowed in checked  # the same steps, from a world that differs in other respects
        checked.add(allowed)
        for step, reached in play.steps(world):
            after = canonical(reached)
            broken = None if is_checked else broken_by_step(scene, row, step, rows.rows[after.scene.row])
            if after not in known:
                known.add(after)
                found.worlds.append(after)
                found.came_by.append((number, step))
                broken = broken or broken_by_world(after, rows.rows[after.scene.row], stalls=scope.stalls)
            if broken:
                found.broken = Broken(broken, number, step)
                return found
    stranded = first_stranded(found.worlds, play)
    if stranded:
        found.broken = Broken(promise=stranded[1], number=stranded[0])
    return found


def canonical(world: World) -> World:
    """Return the world that stands for this one and its mirror image, with a removal confirmed for good noted in it."""
    scene, outside = world
    if scene.removed and not outside.removed:
        return World(scene.mirror or scene, outsides.with_removal_noted(outside))
    return world if scene.mirror is None else World(scene.mirror, outside)
