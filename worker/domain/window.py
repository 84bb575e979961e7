"""How many requests may be under way at one provider: as many as it answers without queueing them.

A provider that serves a few at a time queues the others: withdrawals wait in that queue, and requests time out there.
By Little's law such a queue shows in the answer times: twice as many requests as are served at once take twice as long.

This is a gradient limit, as `GradientLimit` in Netflix's concurrency-limits (github.com/Netflix/concurrency-limits),
with the slow start and the halving of TCP. It compares the median answer time of each round of requests with the time
without a queue. While both are alike, the window widens; when answers take longer, it narrows in proportion. If answers
are no quicker in half of the window, the provider has become slower, and the time without a queue is learnt again.
"""

from dataclasses import dataclass, field
from math import inf
from statistics import median

ALONE = 4  # answers in a round, one after the other: they met no queue of ours
START = 0.5  # of a request, for each quick answer at first: the window then grows by half with each answer time
ROUND_SECONDS = 0.25  # of a round, at least: a moment in which the machine is busy must not decide
SAMPLES = 16  # answers in a round of several requests, at least; a wider window has as many as it has requests
TOLERANCE = 0.5  # of the time without a queue: an answer that takes so much longer shows no queue yet
LEAST, MOST = 0.020, 0.5  # seconds, for this tolerance: a busy machine delays answers; a withdrawal is to wait less
FOLLOWS = 0.2  # of the difference between a round and the time without a queue
CLEARLY = 2.0  # times the longest time without a queue: one such round narrows the window, others need a second one
LEAST_GRADIENT = 0.5  # of the window remains when it narrows
LATE = 0.15  # of a round: more time-outs halve the window; fewer are the provider's own slips
NO_QUICKER = 0.85  # of the earlier answer time: below it, the narrower window has helped
CAREFULLY = 0.125  # of a request: the growth of a round next to the last size that made a queue


@dataclass(slots=True)
class Window:
    """The slots of one lane: `kept` of `most` are always for urgent requests. Times are in seconds of one clock."""

    most: int
    kept: int
    _size: float = field(default=1.0, init=False)
    _starts: bool = field(default=True, init=False)  # each quick answer widens
    _queues: bool = field(default=False, init=False)  # in the latest round
    _unqueued: float = field(default=inf, init=False)  # answer time without a queue
    _queued_size: float = field(default=inf, init=False)  # the last size that made a queue
    _narrowed_at: float = field(default=-inf, init=False)
    _narrowed_from: tuple[float, float] | None = field(default=None, init=False)  # size and answer time
    _round: list[float] = field(default_factory=list, init=False)  # answer times
    _began: float = field(default=-inf, init=False)  # when the first request of this round was sent
    _long: int = field(default=0, init=False)  # those that show a queue
    _late: int = field(default=0, init=False)  # time-outs in this round
    _busiest: int = field(default=0, init=False)  # requests under way at once in this round

    @property
    def routine(self) -> int:
        """Return how many requests that are not urgent may be under way."""
        return int(self._size)

    def begin_round(self) -> None:
        """Forget the answers of the round under way: what they say may be old when the next requests are sent."""
        self._round, self._long, self._late, self._busiest = [], 0, 0, 0

    def note_answer(self, sent_at: float, seconds: float, under_way: int) -> None:
        """Note an answer after so many seconds, and how many requests were under way when it was sent."""
        if sent_at < self._narrowed_at:  # it met the queue of the wider window
            return
        self._note(sent_at, seconds, under_way)
        if self._starts and self._is_used and self._unqueued < inf and seconds <= allowed(self._unqueued):
            growth = min(START, MOST / max(seconds, MOST))  # the queue that this may make is then no longer than MOST
            self._widen(growth)
        self._end_round(sent_at + seconds)

    def note_time_out(self, sent_at: float, now: float) -> None:
        """Note a time-out; if most requests under way time out, the window halves at once."""
        if sent_at < self._narrowed_at:
            return
        self._note(sent_at, now - sent_at, self.routine)
        self._late += 1
        if 2 * self._late > max(self.routine, len(self._round)):
            self._narrow(LEAST_GRADIENT, now)
        else:
            self._end_round(now)

    def _note(self, sent_at: float, seconds: float, under_way: int) -> None:
        if not self._round:
            self._began = sent_at
        self._round.append(seconds)
        self._long += seconds > allowed(self._unqueued)
        self._busiest = max(self._busiest, under_way)

    @property
    def _is_used(self) -> bool:
        """Return whether enough requests were under way to judge this size."""
        return 2 * self._busiest >= self.routine

    def _end_round(self, now: float) -> None:
        """Judge the window by the round, once that is complete, or once more than half of it shows a queue."""
        size = ALONE if self.routine == 1 else max(SAMPLES, self.routine)
        longest, number = allowed(self._unqueued), len(self._round)
        if now - self._began < ROUND_SECONDS or (number < size and 2 * self._long <= size):
            return
        seconds, alone, is_used = median(self._round), self._busiest <= 1, self._is_used
        is_late = self._late > LATE * number
        self.begin_round()
        if is_late:
            self._narrow(LEAST_GRADIENT, now)
        elif self._unqueued == inf:
            self._unqueued = seconds
        elif seconds <= longest:
            self._follow(seconds)
            self._queues, self._narrowed_from = False, None
            if is_used and not self._starts:
                self._widen(number / size * (1.0 if self._size + 1 < self._queued_size else CAREFULLY))
        elif alone or self._is_no_quicker(seconds):
            self._unqueued, self._narrowed_from, self._starts = seconds, None, True
        elif is_used and not self._queues and seconds < CLEARLY * longest:  # once may be chance
            self._queues, self._starts = True, False
        elif is_used:
            if self._narrowed_from is None or seconds > self._narrowed_from[1] / NO_QUICKER:  # the queue still grew
                self._narrowed_from = (self._size, seconds)
            self._narrow(max(LEAST_GRADIENT, longest / seconds), now)

    def _follow(self, seconds: float) -> None:
        """Follow a round's answer time: a longer one only at first, in the full window, or far from any queue."""
        is_full = self._size >= self.most - self.kept
        if seconds < self._unqueued or self._starts or is_full or self._size <= self._queued_size / 2 < inf:
            self._unqueued += FOLLOWS * (seconds - self._unqueued)

    def _is_no_quicker(self, seconds: float) -> bool:
        """Return whether half of an earlier window has not made answers quicker: then they met no queue."""
        if self._narrowed_from is None:
            return False
        size, earlier = self._narrowed_from
        return self._size <= size / 2 and earlier * NO_QUICKER < seconds <= earlier / NO_QUICKER

    def _widen(self, by: float) -> None:
        if self._size > self._queued_size:
            self._queued_size = inf
        self._size = min(self._size + by, self.most - self.kept)

    def _narrow(self, gradient: float, now: float) -> None:
        self._queued_size, self._narrowed_at, self._starts = self._size, now, False
        self._size = max(1.0, self._size * gradient)
        self.begin_round()


def allowed(unqueued: float) -> float:
    """Return the longest answer time that shows no queue."""
    return unqueued + min(max(unqueued * TOLERANCE, LEAST), MOST)
