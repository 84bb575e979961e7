"""The steps that can happen next in a world, with faults, and which steps are faults."""

from collections.abc import Iterator

from tests.sharing import outsides
from tests.sharing.rows import NONE, B, Row, Rows
from tests.sharing.scenes import Scenes
from tests.sharing.turns import Scope
from tests.sharing.world import ASKING, CLAIMED, IDLE_DRAIN, SENT, Act, Operation, Step, World

TICK = Step(Act.TICK)


class Play:
    """The steps that each world allows."""

    def __init__(self, rows: Rows, scope: Scope) -> None:
        self._rows = rows
        self._scope = scope
        self._scenes = Scenes(rows, scope)

    def start(self) -> World:
        """Return the world before the first decision."""
        idle = self._scenes.scene(0, NONE, (IDLE_DRAIN, IDLE_DRAIN))
        return World(idle, outsides.at_first(self._scope.decisions, self._scope.invalidations))

    def row(self, world: World) -> Row:
        return self._rows.rows[world.scene.row]

    def mirrored(self, world: World) -> World:
        """Return the world with its drains the other way round."""
        scene = world.scene
        return world._replace(scene=self._scenes.scene(scene.row, scene.truth, scene.drains[::-1], scene.operation))

    def steps(self, world: World) -> Iterator[tuple[Step, World]]:
        """Yield all steps that can happen next, with faults."""
        scene, outside = world
        if outside.decisions:
            yield from self._decides(world)
        if outside.drifted or outside.invalidations:
            step, after, left, _ = self._scenes.invalidated(scene)
            yield step, World(after, outsides.changed(outsides.invalidated(outside), left))
            for step, drifted in outsides.drifts(outside):
                yield step, World(scene, drifted)
        yield TICK, World(self._scenes.later(scene), outsides.later(outside))
        for step, landed in outsides.landings(outside):
            yield step, World(scene, landed)
        for step, after, left, applied in self._scenes.moves(scene):
            if left or applied is not None:
                yield step, World(after, outsides.changed(outside, left, applied))
            else:
                yield step, World(after, outside)

    def _decides(self, world: World) -> Iterator[tuple[Step, World]]:
        scene, outside = world
        changes = self._scenes.decided(scene)
        if outside.decisions == self._scope.decisions:  # before any decision, A and B are mirror images
            changes = changes[:B]
        for step, after, left, _ in changes:
            yield step, World(after, outsides.changed(outsides.decided(outside, step.payload), left))


def is_fault(step: Step, world: World) -> bool:
    """Return whether a step stops once faults stop.

    Then nothing is decided, crashes or is lost. Every drain ends within its lease, or sees that it is late. The
    provider carries out in time what it still can, and answers. Drift is invalidated.
    """
    act, operation = step.act, world.operation
    if act is Act.TICK:
        given_up = operation is not None and operation.air == 1
        return given_up or any(drain.lease == 1 or (drain.lease and drain.air == 1) for drain in world.drains)
    if act is Act.INVALIDATE:
        return not world.drifted
    drain = world.drains[step.drain]
    if drain.phase == ASKING and act.is_record:
        return act is not (_fair_answer(operation) if drain.lease else Act.UNCLEAR)
    if act is Act.NOT_SENT:
        return drain.phase != CLAIMED or drain.lease > 0
    if act is Act.UNCLEAR:
        return drain.phase != SENT or drain.air > 0
    if act is Act.ACCEPTED:
        return drain.phase == SENT and not drain.air
    return act not in (Act.CARRY_OUT, Act.CLAIM, Act.ASK, Act.SKIP, Act.SEND, Act.APPLY, Act.CONFIRMED)


def _fair_answer(operation: Operation | None) -> Act:
    if operation is None or operation.forgotten:
        return Act.LOST
    return Act.CONFIRMED if operation.done else Act.ACCEPTED
