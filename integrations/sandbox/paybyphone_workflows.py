"""PayByPhone's workflows: accepted writes, carried out one after another for each eligibility."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

KEPT = 20_000  # ended workflows that are still known


@dataclass(frozen=True, slots=True)
class Write:
    """A write that is accepted when it is called, and carried out `delay_ms` later at the earliest."""

    workflows: "Workflows"
    number: str
    reference: str
    carry_out: Callable[[], str | None]  # returns why it fails
    delay_ms: float

    def __call__(self) -> None:
        """Accept the write."""
        self.workflows.accept(self)


class WorkflowState(NamedTuple):
    """The status of a workflow."""

    reference: str
    status: str
    error_type: str | None = None


class Workflows:
    """All running workflows, and the outcomes of the latest ended ones."""

    def __init__(self, kept: int = KEPT) -> None:
        """Start empty; a write's data is dropped at its end, its outcome after `kept` further ends."""
        self._kept = kept
        self._queues: dict[str, deque[tuple[float, Write]]] = {}  # by reference; the first write waits for its time
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._running: dict[str, WorkflowState] = {}
        self._ended: OrderedDict[str, WorkflowState] = OrderedDict()

    def accept(self, write: Write) -> None:
        """Accept a write; it is carried out after earlier ones about the same reference."""
        due = asyncio.get_running_loop().time() + write.delay_ms / 1000
        queue = self._queues.setdefault(write.reference, deque())
        queue.append((due, write))
        self._running[write.number] = WorkflowState(write.reference, "Pending")
        if len(queue) == 1:
            self._wait(write.reference, due)

    def concerns(self, reference: str) -> bool:
        """Return whether a workflow about this reference is running."""
        return reference in self._queues

    def state(self, number: str) -> WorkflowState | None:
        """Return a workflow's status; None if it is not, or no longer, known."""
        return self._running.get(number) or self._ended.get(number)

    def reset(self) -> None:
        """Drop all workflows; none is carried out any more."""
        for timer in self._timers.values():
            timer.cancel()
        for kept in (self._queues, self._timers, self._running, self._ended):
            kept.clear()

    def _wait(self, reference: str, due: float) -> None:
        self._timers[reference] = asyncio.get_running_loop().call_at(due, self._carry_out, reference)

    def _carry_out(self, reference: str) -> None:
        queue = self._queues[reference]
        _, write = queue.popleft()
        error_type = write.carry_out()
        del self._running[write.number]
        self._ended[write.number] = WorkflowState(
            reference, "Completed" if error_type is None else "Failed", error_type
        )
        if len(self._ended) > self._kept:
            self._ended.popitem(last=False)
        if queue:
            self._wait(reference, queue[0][0])
        else:
            del self._queues[reference], self._timers[reference]
