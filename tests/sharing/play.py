"""The steps that can happen next in a world, with faults, and which steps are faults."""

from collections.abc import Iterator

from tests.sharing.rows import NONE, PAYLOADS, B, Row, Rows
from tests.sharing.turns import Move, Scope, Turn
from tests.sharing.world import ASKING, CLAIMED, IDLE_DRAIN, SENT, Act, Drain, Operation, Step, Strays, World

TICK = Step(Act.TICK)
INVALIDATE = Step(Act.INVALIDATE)
DECIDE = [Step(Act.DECIDE, payload) for payload in PAYLOADS]
DRIFT = [Step(Act.DRIFT, payload) for payload in PAYLOADS]
LAND = [Step(Act.LAND, payload) for payload in PAYLOADS]
CARRY_OUT = [Step(Act.CARRY_OUT, payload) for payload in PAYLOADS]


class Play:
    """The steps that each world allows."""

    def __init__(self, rows: Rows, scope: Scope) -> None:
        self._rows = rows
        self._scope = scope
        self._moves: dict[tuple[int, int, Drain, int, Operation | None], list[Move]] = {}

    def start(self) -> World:
        """Return the world before the first decision."""
        return World(
            row=0,
            truth=NONE,
            held=NONE,
            decisions=self._scope.decisions,
            invalidations=self._scope.invalidations,
            removed=True,
            drifted=False,
            drains=(IDLE_DRAIN, IDLE_DRAIN),
            strays=(0, 0, 0),
            operation=None,
        )

    def row(self, world: World) -> Row:
        return self._rows.rows[world.row]

    def steps(self, world: World) -> Iterator[tuple[Step, World]]:
        """Yield all steps that can happen next, with faults."""
        row, truth, held, decisions, invalidations, removed, drifted, drains, strays, operation = world
        first, second = drains
        if decisions:
            yield from self._decides(world)
        if drifted or invalidations:
            yield from self._invalidations(world)
        older = (_a_tick_older(first), _a_tick_older(second))
        waits = operation and (operation._replace(air=operation.air - 1) if operation.air else operation)
        fewer = _a_tick_fewer(strays)
        yield (
            TICK,
            World(self._rows.tick(row), truth, held, decisions, invalidations, removed, drifted, older, fewer, waits),
        )
        for step in LAND:
            if strays[step.payload] and held != step.payload:
                held_after = step.payload
                yield (
                    step,
                    World(
                        row, truth, held_after, decisions, invalidations, removed, drifted, drains, strays, operation
                    ),
                )
        if operation and operation.air:
            done = operation._replace(air=0, done=True)
            yield CARRY_OUT[done.payload], world._replace(held=done.payload, operation=done)
        for number, drain, other in ((0, first, second), (1, second, first)):
            for step, row_after, moved, waits, left_behind, applied in self._moves_of(world, drain, number):
                beside = other._replace(holds_row=False) if self._loses_row(other, row_after, moved) else other
                left = _with_stray(strays, drain.payload, left_behind) if left_behind else strays
                if waits and not self._rows.rows[row_after].asks:
                    left, waits = _with_stray(left, waits.payload, waits.air), None
                held_after = drain.payload if applied else held
                pair = (beside, moved) if number else (moved, beside)
                yield (
                    step,
                    World(row_after, truth, held_after, decisions, invalidations, removed, drifted, pair, left, waits),
                )
            if first == second:
                break

    def _decides(self, world: World) -> Iterator[tuple[Step, World]]:
        _, _, held, decisions, invalidations, removed, drifted, drains, _, _ = world
        row, strays, operation = self._left(self._rows.want(world.row), world)
        first = decisions == self._scope.decisions
        for step in DECIDE[:B] if first else DECIDE:  # before any decision, A and B are mirror images
            kept = removed and step.payload == NONE
            yield (
                step,
                World(row, step.payload, held, decisions - 1, invalidations, kept, drifted, drains, strays, operation),
            )

    def _invalidations(self, world: World) -> Iterator[tuple[Step, World]]:
        """Have the provider's copy change without the hub, or invalidate it."""
        row, strays, operation = self._left(self._rows.invalidate(world.row), world)
        invalidated = world._replace(row=row, strays=strays, operation=operation)
        if world.drifted:
            yield INVALIDATE, invalidated._replace(drifted=False)
            return
        yield INVALIDATE, invalidated._replace(invalidations=world.invalidations - 1)
        for step in DRIFT:
            if step.payload != world.held:
                yield (
                    step,
                    world._replace(
                        held=step.payload, invalidations=world.invalidations - 1, removed=False, drifted=True
                    ),
                )

    def _left(self, row: int, world: World) -> tuple[int, Strays, Operation | None]:
        """Return a row with these strays and operation; an operation that it does not wait for is a stray."""
        operation = world.operation
        if operation is None or self._rows.rows[row].asks:
            return row, world.strays, operation
        return row, _with_stray(world.strays, operation.payload, operation.air), None

    def _loses_row(self, drain: Drain, row: int, mover: Drain) -> bool:
        return drain.holds_row and (mover.holds_row or not self._rows.rows[row].leased)

    def _moves_of(self, world: World, drain: Drain, number: int) -> list[Move]:
        key = (world.row, world.truth, drain, number, world.operation)
        moves = self._moves.get(key)
        if moves is None:
            turn = Turn(self._rows, self._scope, world.row, world.truth, drain, number, world.operation)
            moves = self._moves[key] = list(turn.moves())
        return moves


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


def _with_stray(strays: Strays, payload: int, ticks: int) -> Strays:
    """Add a request to those that may still be applied."""
    if strays[payload] >= ticks:
        return strays
    longest = list(strays)
    longest[payload] = ticks
    return longest[0], longest[1], longest[2]


def _a_tick_fewer(strays: Strays) -> Strays:
    nothing, a, b = strays
    return nothing and nothing - 1, a and a - 1, b and b - 1


def _a_tick_older(drain: Drain) -> Drain:
    if drain.lease or drain.air:
        return Drain(*drain[:3], drain.lease and drain.lease - 1, drain.air and drain.air - 1)
    return drain
