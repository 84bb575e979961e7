"""PayByPhone's workflows: writes that were taken, carried out one after another for each eligibility."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

KEPT = 20_000  # workflows that are known after their end


@dataclass(frozen=True, slots=True)
class Write:
    """A write that is taken when it is called, and carried out `delay_ms` later at the earliest."""

    workflows: "Workflows"
    number: str
    reference: str
    carry_out: Callable[[], str | None]  # returns why it fails
    delay_ms: float

    def __call__(self) -> None:
        """Take it."""
        self.workflows.take(self)


class Told(NamedTuple):
    """How a workflow stands."""

    reference: str
    status: str
    error_type: str | None = None


class Workflows:
    """All workflows that are under way, and how the latest have ended."""

    def __init__(self, kept: int = KEPT) -> None:
        """Start without any; what they were to write is forgotten at their end, their end `kept` ends later."""
        self._kept = kept
        self._queues: dict[str, deque[tuple[float, Write]]] = {}  # by reference; the first one waits for its time
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._told: dict[str, Told] = {}  # under way
        self._ended: OrderedDict[str, Told] = OrderedDict()

    def take(self, write: Write) -> None:
        """Have a write carried out after those about the same reference that were taken before."""
        due = asyncio.get_running_loop().time() + write.delay_ms / 1000
        queue = self._queues.setdefault(write.reference, deque())
        queue.append((due, write))
        self._told[write.number] = Told(write.reference, "Pending")
        if len(queue) == 1:
            self._wait(write.reference, due)

    def concern(self, reference: str) -> bool:
        """Tell whether one about this reference is under way."""
        return reference in self._queues

    def tell(self, number: str) -> Told | None:
        """Tell how a workflow stands; None when it is not known, or not any more."""
        return self._told.get(number) or self._ended.get(number)

    def reset(self) -> None:
        """Forget all of them; none is carried out any more."""
        for timer in self._timers.values():
            timer.cancel()
        for kept in (self._queues, self._timers, self._told, self._ended):
            kept.clear()

    def _wait(self, reference: str, due: float) -> None:
        self._timers[reference] = asyncio.get_running_loop().call_at(due, self._carry_out, reference)

    def _carry_out(self, reference: str) -> None:
        queue = self._queues[reference]
        _, write = queue.popleft()
        error_type = write.carry_out()
        del self._told[write.number]
        self._ended[write.number] = Told(reference, "Completed" if error_type is None else "Failed", error_type)
        if len(self._ended) > self._kept:
            self._ended.popitem(last=False)
        if queue:
            self._wait(reference, queue[0][0])
        else:
            del self._queues[reference], self._timers[reference]
