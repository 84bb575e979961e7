"""A simulated provider, and a lane that keeps as many requests under way there as its window allows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from worker.domain.window import Window

REQUEST_SECONDS = 3.0  # then a request times out; the provider serves it all the same


@dataclass
class Provider:
    """Serves `at_once` requests, each for `service()` seconds; the others wait in the order in which they came."""

    at_once: int
    service: Callable[[], float]
    _busy_until: list[float] = field(default_factory=list)

    def answers_at(self, now: float) -> float:
        """Take a request that comes now; return when it is answered."""
        begins = max(now, heappop(self._busy_until)) if len(self._busy_until) >= self.at_once else now
        ends = begins + self.service()
        heappush(self._busy_until, ends)
        return ends


@dataclass
class Traffic:
    """The requests of one lane with a full backlog; what has happened so far."""

    window: Window
    now: float = 0.0
    answered: int = 0
    timed_out: int = 0
    widths: list[int] = field(default_factory=list)  # at each answer
    _under_way: list[tuple[float, float, int]] = field(default_factory=list)  # until, since, under way then

    def run(self, provider: Provider, seconds: float, under_way: int | None = None) -> None:
        """Send for so many seconds; with so many requests under way, unless the window is narrower."""
        ends_at = self.now + seconds
        self.answered, self.timed_out, self.widths = 0, 0, []
        while self.now < ends_at:
            while len(self._under_way) < min(self.window.routine, under_way or self.window.most):
                until = min(provider.answers_at(self.now), self.now + REQUEST_SECONDS)
                heappush(self._under_way, (until, self.now, len(self._under_way) + 1))
            self.now, since, at_once = heappop(self._under_way)
            if self.now - since >= REQUEST_SECONDS:
                self.window.note_time_out(since, self.now)
                self.timed_out += 1
            else:
                self.window.note_answer(since, self.now - since, at_once)
                self.answered += 1
            self.widths.append(self.window.routine)
