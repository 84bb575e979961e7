"""The next steps of one drain: claim, send or ask, be answered, record, or die."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.sharing.rows import NOBODYS, Rows, Subjects
from tests.sharing.world import APPLIED, ASKING, CLAIMED, IDLE, IDLE_DRAIN, SENT, Act, Drain, Operation, Step


@dataclass(frozen=True)
class Scope:
    """The scope of an exploration: decisions and invalidations, and what the provider and the drains may do.

    With `later`, the provider may answer any request with an operation.
    With `stalls`, a drain that has checked its deadline may send any time after. The protocol cannot know of the
    request it then leaves behind, unless the drain records: so it may not crash.

    `subjects` has the person and plate of each payload, for a provider that keeps its data when it refuses a change.
    """

    decisions: int = 3
    invalidations: int = 0
    later: bool = False
    stalls: bool = False
    subjects: Subjects = NOBODYS


class Move(NamedTuple):
    """A drain's step: the row, drain and operation after it, and the end of its request."""

    step: Step
    row: int
    drain: Drain
    operation: Operation | None
    left_behind: int = 0  # ticks
    applied: bool = False


@dataclass(frozen=True)
class Turn:
    """A drain, by its number, with a row and the operation that the row waits for."""

    rows: Rows
    scope: Scope
    row: int
    truth: int
    drain: Drain
    number: int
    operation: Operation | None

    def moves(self) -> Iterator[Move]:
        """Yield all steps of the drain."""
        phase, lease = self.drain.phase, self.drain.lease
        if phase == IDLE:
            if self.rows.rows[self.row].due:
                yield self._claim()
            return
        if not self.scope.stalls or phase in (CLAIMED, ASKING) or lease:
            yield self._move(Act.CRASH, IDLE_DRAIN, left_behind=self.drain.air)
        if phase == CLAIMED:
            if lease or self.scope.stalls:
                yield self._move(Act.SEND, self.drain._replace(phase=SENT, air=self.rows.ticks.settle))
            yield self._record(Act.NOT_SENT)
        elif phase == SENT:
            yield from self._while_in_the_air()
        elif phase == APPLIED:
            yield self._record(Act.CONFIRMED)
            yield self._record(Act.CONFIRMED_UNSEEN)
            yield self._record(Act.UNCLEAR)
        else:
            yield from self._answers()
        if self.scope.later and phase in (SENT, APPLIED):
            yield from self._taken()

    def _claim(self) -> Move:
        claimed, taken = self.rows.claim(self.row, self.truth)
        after, lease = self.rows.rows[claimed], self.rows.ticks.lease
        if not taken:
            return Move(Step(Act.SKIP, self.truth, self.number), claimed, IDLE_DRAIN, self.operation)
        if after.asks and self.operation is not None:
            payload = self.operation.payload
            asking = Drain(ASKING, payload, holds_row=True, lease=lease)
            return Move(Step(Act.ASK, payload, self.number), claimed, asking, self.operation)
        payload = self.truth if after.claimed is None else after.claimed
        claimer = Drain(CLAIMED, payload, holds_row=True, lease=lease)
        return Move(Step(Act.CLAIM, payload, self.number), claimed, claimer, self.operation)

    def _while_in_the_air(self) -> Iterator[Move]:
        if self.drain.air:
            yield self._move(Act.APPLY, self.drain._replace(phase=APPLIED, air=0), applied=True)
        yield self._record(Act.NOT_SENT)
        yield self._record(Act.REJECTED)
        yield self._record(Act.UNCLEAR, left_behind=self.drain.air)

    def _taken(self) -> Iterator[Move]:
        """Record that the provider has accepted the request, whether it is already carried out or not.

        A drain may have asked about it before, and been told that it is unknown.
        """
        yield self._record(Act.LOST, left_behind=self.drain.air)
        for act in (Act.ACCEPTED, Act.ACCEPTED_UNSEEN):
            if self.drain.holds_row:
                taken = Operation(self.drain.payload, self.drain.air, done=self.drain.phase == APPLIED)
                yield self._record(act)._replace(operation=taken)
            else:
                yield self._record(act, left_behind=self.drain.air)

    def _answers(self) -> Iterator[Move]:
        """Record the answer to a question.

        Question and answer are one step: an answer that no longer holds is as good as no answer. An answer about an
        operation that is no longer the row's can be anything.
        """
        operation = self.operation if self.drain.holds_row else None
        yield self._record(Act.NOT_SENT)
        yield self._record(Act.UNCLEAR)
        lost = self._record(Act.LOST)
        yield lost if operation is None else lost._replace(operation=operation._replace(forgotten=True))
        if operation is not None and operation.forgotten:
            return
        yield self._record(Act.ACCEPTED)
        if operation is None or operation.done:
            yield self._record(Act.CONFIRMED)
            yield self._record(Act.CONFIRMED_UNSEEN)
        if operation is None:
            yield self._record(Act.REJECTED)
        elif not operation.done:
            yield self._record(Act.REJECTED)._replace(operation=operation._replace(air=0))

    def _record(self, act: Act, *, left_behind: int = 0) -> Move:
        recorded = self.rows.record(self.row, self.drain.holds_row, act.outcome)
        after = IDLE_DRAIN
        if act is Act.CONFIRMED_UNSEEN:
            after = self.drain._replace(holds_row=False, lease=0)
        elif act is Act.ACCEPTED_UNSEEN:
            after = Drain(ASKING, self.drain.payload)
        return self._move(act, after, left_behind=left_behind)._replace(row=recorded)

    def _move(self, act: Act, drain: Drain, *, left_behind: int = 0, applied: bool = False) -> Move:
        step = Step(act, self.drain.payload, self.number)
        return Move(step, self.row, drain, self.operation, left_behind, applied)
