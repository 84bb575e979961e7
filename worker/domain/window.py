"""How many requests may be under way at one provider: fewer once it is too slow for them, then slowly more again.

A provider that serves a few at a time queues the others. A request that waits there too long times out and is sent
again, so more requests get less done. A time-out halves the window, once for all requests that were under way
together. Each window of answers adds a part of a request (additive increase, multiplicative decrease, as in TCP).
"""

from dataclasses import dataclass, field
from math import inf

GROWTH = 0.25  # of a request, for each window of answers


@dataclass(slots=True)
class Window:
    """The slots of one lane: `kept` of `most` are always for urgent requests."""

    most: int
    kept: int
    _size: float = field(init=False)
    _narrowed_at: float = field(default=-inf, init=False)

    def __post_init__(self) -> None:
        """Begin with all slots."""
        self._size = self.most - self.kept

    @property
    def routine(self) -> int:
        """Return how many requests that are not urgent may be under way."""
        return int(self._size)

    def note_answer(self, under_way: int) -> None:
        """Note an answer in time; a window that is hardly used does not grow."""
        if 2 * under_way >= self.routine:
            self._size = min(self._size + GROWTH / self._size, self.most - self.kept)

    def note_time_out(self, sent_at: float, now: float) -> None:
        """Note a time-out; time-outs of requests from before the last narrowing count once."""
        if sent_at >= self._narrowed_at:
            self._size = max(1.0, self._size / 2)
            self._narrowed_at = now
