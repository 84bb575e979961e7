"""The hub's part of a world, and its steps. They are the same whatever the provider holds and strays are left."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.sharing.outsides import Left
from tests.sharing.rows import NONE, PAYLOADS, Rows
from tests.sharing.turns import Move, Scope, Turn
from tests.sharing.world import Act, Drain, Drains, Operation, Scene, Step

INVALIDATE = Step(Act.INVALIDATE)
DECIDE = [Step(Act.DECIDE, payload) for payload in PAYLOADS]
CARRY_OUT = [Step(Act.CARRY_OUT, payload) for payload in PAYLOADS]


class Change(NamedTuple):
    """A step: the scene after it, the requests that it leaves behind, and the payload that the provider applies."""

    step: Step
    scene: Scene
    left: tuple[Left, ...] = ()
    applied: int | None = None


class Scenes:
    """The scenes found, each made once, and the steps that each allows."""

    def __init__(self, rows: Rows, scope: Scope) -> None:
        self._rows = rows
        self._scope = scope
        self._scenes: dict[tuple[int, int, Drains, Operation | None], Scene] = {}
        self._decided: dict[Scene, list[Change]] = {}
        self._invalidated: dict[Scene, Change] = {}
        self._later: dict[Scene, Scene] = {}
        self._moves: dict[Scene, list[Change]] = {}
        self._turns: dict[tuple[int, int, Drain, int, Operation | None], list[Move]] = {}

    def scene(self, row: int, truth: int, drains: Drains, operation: Operation | None = None) -> Scene:
        """Return the one scene with these values."""
        key = row, truth, drains, operation
        scene = self._scenes.get(key)
        if scene is None:
            first, second = drains
            mirror = self.scene(row, truth, (second, first), operation) if second < first else None
            known = self._rows.rows[row]
            removed = truth == NONE == known.payload and not known.pending
            scene = self._scenes[key] = Scene(row, truth, drains, operation, mirror, removed)
        return scene

    def decided(self, scene: Scene) -> list[Change]:
        """Return the scene's decisions, by payload."""
        changes = self._decided.get(scene)
        if changes is None:
            row = self._rows.want(scene.row)
            changes = [self._change(step, row, step.payload, scene.drains, scene.operation) for step in DECIDE]
            self._decided[scene] = changes
        return changes

    def invalidated(self, scene: Scene) -> Change:
        """Return how the hub invalidates what the provider confirmed."""
        change = self._invalidated.get(scene)
        if change is None:
            row = self._rows.invalidate(scene.row)
            change = self._change(INVALIDATE, row, scene.truth, scene.drains, scene.operation)
            self._invalidated[scene] = change
        return change

    def later(self, scene: Scene) -> Scene:
        """Return the scene one tick later."""
        later = self._later.get(scene)
        if later is None:
            first, second = scene.drains
            operation = scene.operation
            if operation and operation.air:
                operation = operation._replace(air=operation.air - 1)
            older = _a_tick_older(first), _a_tick_older(second)
            later = self._later[scene] = self.scene(self._rows.tick(scene.row), scene.truth, older, operation)
        return later

    def moves(self, scene: Scene) -> list[Change]:
        """Return all that the drains can do, and that the operation can be carried out."""
        moves = self._moves.get(scene)
        if moves is None:
            moves = self._moves[scene] = [*self._carried_out(scene), *self._moved(scene)]
        return moves

    def _carried_out(self, scene: Scene) -> Iterator[Change]:
        operation = scene.operation
        if operation and operation.air:
            done = operation._replace(air=0, done=True)
            after = self.scene(scene.row, scene.truth, scene.drains, done)
            yield Change(CARRY_OUT[done.payload], after, applied=done.payload)

    def _moved(self, scene: Scene) -> Iterator[Change]:
        first, second = scene.drains
        for number, drain, other in ((0, first, second), (1, second, first)):
            for step, row, moved, operation, left_behind, applied in self._turn(scene, drain, number):
                beside = other._replace(holds_row=False) if self._loses_row(other, row, moved) else other
                drains = (beside, moved) if number else (moved, beside)
                left = [(drain.payload, left_behind)] if left_behind else []
                yield self._change(
                    step, row, scene.truth, drains, operation, left, applied=drain.payload if applied else None
                )
            if first == second:
                break

    def _change(
        self,
        step: Step,
        row: int,
        truth: int,
        drains: Drains,
        operation: Operation | None,
        left: Iterable[Left] = (),
        *,
        applied: int | None = None,
    ) -> Change:
        """Return a step; an operation that the row then does not wait for is left behind."""
        if operation is not None and not self._rows.rows[row].asks:
            left, operation = (*left, (operation.payload, operation.air)), None
        return Change(step, self.scene(row, truth, drains, operation), tuple(left), applied)

    def _loses_row(self, drain: Drain, row: int, mover: Drain) -> bool:
        return drain.holds_row and (mover.holds_row or not self._rows.rows[row].leased)

    def _turn(self, scene: Scene, drain: Drain, number: int) -> list[Move]:
        key = (scene.row, scene.truth, drain, number, scene.operation)
        moves = self._turns.get(key)
        if moves is None:
            turn = Turn(self._rows, self._scope, scene.row, scene.truth, drain, number, scene.operation)
            moves = self._turns[key] = list(turn.moves())
        return moves


def _a_tick_older(drain: Drain) -> Drain:
    if drain.lease or drain.air:
        return Drain(*drain[:3], drain.lease and drain.lease - 1, drain.air and drain.air - 1)
    return drain
