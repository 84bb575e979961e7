"""The world around one share: what is wanted, what the provider holds, two drains, and requests still in the air.

A drain that fails leaves its request behind: until T after it was sent, a *stray* may be applied at any moment, any
number of times, or never. Faults are not counted: any drain may crash, stall, lose an answer or be refused at any time.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from tests.sharing.rows import NAMES, NONE, PAYLOADS, Row, Rows, Ticks
from worker.domain.sharing import Outcome

IDLE, CLAIMED, SENT, APPLIED = range(4)
"""What a drain is at. Plain numbers, since worlds are hashed millions of times."""


class Act(StrEnum):
    """What can happen next."""

    DECIDE = "the truth becomes"
    TICK = "a tick passes"
    LAND = "a stray is applied:"
    CLAIM = "claims"
    SKIP = "has nothing to send for"
    SEND = "sends"
    APPLY = "is answered, applied:"
    CRASH = "dies with"
    CONFIRMED = "records confirmed"
    CONFIRMED_UNSEEN = "records confirmed, without learning of its commit:"
    NOT_SENT = "records not sent"
    UNCLEAR = "records unclear"
    REJECTED = "records rejected"

    @property
    def outcome(self) -> Outcome:
        """Return what a recording act records."""
        return _OUTCOMES[self]

    @property
    def is_record(self) -> bool:
        """Tell whether a drain records by this."""
        return self in _OUTCOMES


_OUTCOMES = {
    Act.CONFIRMED: Outcome.CONFIRMED,
    Act.CONFIRMED_UNSEEN: Outcome.CONFIRMED,
    Act.NOT_SENT: Outcome.NOT_SENT,
    Act.UNCLEAR: Outcome.UNCLEAR,
    Act.REJECTED: Outcome.REJECTED,
}


class Step(NamedTuple):
    """One thing that happens: by which drain (0 or 1), about which payload."""

    act: Act
    payload: int = NONE
    drain: int = 0

    def __str__(self) -> str:
        if self.act is Act.TICK:
            return self.act
        who = "" if self.act in (Act.DECIDE, Act.LAND) else f"drain {self.drain + 1} "
        return f"{who}{self.act} {NAMES[self.payload]}"


class Drain(NamedTuple):
    """A drain: the payload of its claim, and how long its lease and its request have to live, in ticks."""

    phase: int
    payload: int = NONE
    holds_row: bool = False
    lease: int = 0
    air: int = 0


Strays = tuple[int, int, int]


class World(NamedTuple):
    """Everything that matters from now on.

    `removed`: a removal was confirmed for good, and nothing was allowed since.
    `strays`: for each payload, for how many ticks a stray of it may still be applied.
    """

    row: int
    truth: int
    held: int
    decisions: int
    removed: bool
    drains: tuple[Drain, Drain]
    strays: Strays


NOBODY = Drain(IDLE)
TICK = Step(Act.TICK)
DECIDE = [Step(Act.DECIDE, payload) for payload in PAYLOADS]
LAND = [Step(Act.LAND, payload) for payload in PAYLOADS]


class Move(NamedTuple):
    """What one drain can do: the row and the drain after it, and what becomes of its request."""

    step: Step
    row: int
    drain: Drain
    left_behind: int = 0  # ticks
    applied: bool = False


class Play:
    """The steps that each world allows.

    With `stalls`, a drain that has checked its deadline may send however long after. What it then leaves behind is
    beyond what the protocol can know of, unless it records: so it may not crash.
    """

    def __init__(self, rows: Rows, ticks: Ticks, *, stalls: bool) -> None:
        self._rows = rows
        self._ticks = ticks
        self._stalls = stalls
        self._moves: dict[tuple[int, int, Drain, int], list[Move]] = {}

    def start(self, decisions: int) -> World:
        """Return the world before the first decision."""
        return World(0, NONE, NONE, decisions, True, (NOBODY, NOBODY), (0, 0, 0))

    def row(self, world: World) -> Row:
        return self._rows.rows[world.row]

    def steps(self, world: World) -> Iterator[tuple[Step, World]]:
        """Yield whatever can happen next, faults included."""
        row, truth, held, decisions, removed, drains, strays = world
        first, second = drains
        if decisions:
            wanted = self._rows.want(row)
            for step in DECIDE:
                new = step.payload
                yield step, World(wanted, new, held, decisions - 1, removed and new == NONE, drains, strays)
        older = (_a_tick_later(first), _a_tick_later(second))
        yield TICK, World(self._rows.tick(row), truth, held, decisions, removed, older, _a_tick_fewer(strays))
        for step in LAND:
            if strays[step.payload] and held != step.payload:
                yield step, World(row, truth, step.payload, decisions, removed, drains, strays)
        for number, drain, other in ((0, first, second), (1, second, first)):
            for step, row_after, moved, left_behind, applied in self._moves_of(row, truth, drain, number):
                beside = other._replace(holds_row=False) if self._loses_row(other, row_after, moved) else other
                yield (
                    step,
                    World(
                        row_after,
                        truth,
                        drain.payload if applied else held,
                        decisions,
                        removed,
                        (beside, moved) if number else (moved, beside),
                        _with_stray(strays, drain.payload, left_behind) if left_behind else strays,
                    ),
                )
            if first == second:
                break

    def _loses_row(self, drain: Drain, row: int, mover: Drain) -> bool:
        return drain.holds_row and (mover.holds_row or not self._rows.rows[row].leased)

    def _moves_of(self, row: int, truth: int, drain: Drain, number: int) -> list[Move]:
        key = (row, truth, drain, number)
        moves = self._moves.get(key)
        if moves is None:
            moves = self._moves[key] = list(self._find_moves(row, truth, drain, number))
        return moves

    def _find_moves(self, row: int, truth: int, drain: Drain, number: int) -> Iterator[Move]:
        phase, payload, _, lease, air = drain
        if phase == IDLE:
            if self._rows.rows[row].due:
                yield self._claim(row, truth, number)
            return
        if not self._stalls or phase == CLAIMED or lease:
            yield Move(Step(Act.CRASH, payload, number), row, NOBODY, left_behind=air)
        if phase == CLAIMED:
            if lease or self._stalls:
                sent = drain._replace(phase=SENT, air=self._ticks.settle)
                yield Move(Step(Act.SEND, payload, number), row, sent)
            yield self._record(row, drain, Act.NOT_SENT, number)
        elif phase == SENT:
            if air:
                answered = drain._replace(phase=APPLIED, air=0)
                yield Move(Step(Act.APPLY, payload, number), row, answered, applied=True)
            yield self._record(row, drain, Act.NOT_SENT, number)
            yield self._record(row, drain, Act.REJECTED, number)
            yield self._record(row, drain, Act.UNCLEAR, number)._replace(left_behind=air)
        else:
            yield self._record(row, drain, Act.CONFIRMED, number)
            yield self._record(row, drain, Act.CONFIRMED_UNSEEN, number)
            yield self._record(row, drain, Act.UNCLEAR, number)

    def _claim(self, row: int, truth: int, number: int) -> Move:
        claimed, sends = self._rows.claim(row, truth)
        if not sends:
            return Move(Step(Act.SKIP, truth, number), claimed, NOBODY)
        claimer = Drain(CLAIMED, truth, holds_row=True, lease=self._ticks.lease)
        return Move(Step(Act.CLAIM, truth, number), claimed, claimer)

    def _record(self, row: int, drain: Drain, act: Act, number: int) -> Move:
        recorded = self._rows.record(row, drain.holds_row, act.outcome)
        after = drain._replace(holds_row=False, lease=0) if act is Act.CONFIRMED_UNSEEN else NOBODY
        return Move(Step(act, drain.payload, number), recorded, after)


def is_fault(step: Step, world: World) -> bool:
    """Tell whether a step is one that stops once all is well.

    Then no one decides, crashes or loses anything; every drain ends its work within its lease, or sees that it is late.
    """
    if step.act is Act.TICK:
        return any(drain.lease == 1 or (drain.lease and drain.air == 1) for drain in world.drains)
    drain = world.drains[step.drain]
    if step.act is Act.NOT_SENT:
        return drain.phase != CLAIMED or drain.lease > 0
    if step.act is Act.UNCLEAR:
        return drain.phase != SENT or drain.air > 0
    return step.act not in (Act.CLAIM, Act.SKIP, Act.SEND, Act.APPLY, Act.CONFIRMED)


def _with_stray(strays: Strays, payload: int, ticks: int) -> Strays:
    """Leave a request in the air beside those that are."""
    longest = list(strays)
    longest[payload] = max(longest[payload], ticks)
    return longest[0], longest[1], longest[2]


def _a_tick_fewer(strays: Strays) -> Strays:
    nothing, a, b = strays
    return nothing and nothing - 1, a and a - 1, b and b - 1


def _a_tick_later(drain: Drain) -> Drain:
    if drain.lease or drain.air:
        return Drain(*drain[:3], drain.lease and drain.lease - 1, drain.air and drain.air - 1)
    return drain
