"""A drain: one worker empties one provider's due shares, the most urgent first, for a few seconds."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from math import inf
from typing import TypeVar

import structlog

from worker import right_of_way
from worker.domain.sharing import Urgency
from worker.services.sharing import release
from worker.services.sharing.claim import ClaimedShare, Ended, claim
from worker.services.sharing.draining import DRAIN_SECONDS, divided, run_beside
from worker.services.sharing.exchange import exchange_by
from worker.services.sharing.lane import Lane
from worker.services.sharing.record import record

T = TypeVar("T")

log = structlog.get_logger()

FRESH_SECONDS = 0.2  # for which it leaves a decision to the urgent drain, which does not wait for a large claim
LOOK_SECONDS = 0.1  # how often it looks for something more urgent; the urgent lane looks more often
AHEAD_SECONDS = 0.2  # of sending that are claimed ahead: transactions are then large, however narrow the window
MOST_AHEAD = 128  # requests claimed ahead
IN_TIME = 0.75  # of a request's time: what is claimed ahead is then answered before its deadline
GATHER_SECONDS = {Urgency.CONSENT: 0.0, Urgency.CHANGE: 0.01, Urgency.ROUTINE: 0.1}
"""How long an answer waits for others, to be recorded together."""
GATHERED = 500  # answers that are worth a transaction at once


@dataclass(slots=True)
class Drain:
    """A rolling window of requests to one provider, refilled by claiming.

    A claim and a record may run beside the requests. A few shares are claimed beyond the window and wait for a free
    slot, so that no slot waits for the database.
    """

    lane: Lane
    today: Callable[[], date]
    requests: int = 0
    _in_flight: dict[asyncio.Task[list[Ended]], Urgency] = field(default_factory=dict)
    _progress: asyncio.Event = field(default_factory=asyncio.Event)  # a request or a transaction has ended
    _claiming: asyncio.Task[None] | None = None
    _recording: asyncio.Task[None] | None = None
    _waiting: list[tuple[Sequence[ClaimedShare], float]] = field(default_factory=list)  # the most urgent first
    _more: bool = True  # whether the last claim may have left shares behind
    _fresh: bool = False  # whether it left decisions to the urgent drain, until they are no longer fresh
    _due_again: bool = False  # whether a record found a share due since that claim began: no wake-up comes for it
    _goes_on: bool = False  # whether the last claim found only shares that need no request, and may have left others
    _look_at: float = 0.0
    _stands_aside: bool = False  # routine shares are neither claimed nor sent
    _ended: list[Ended] = field(default_factory=list)
    _record_at: float = inf  # when what has ended is to be recorded

    async def run(self) -> bool:
        """Send until the provider is up to date or the time is over; return True if work may be left."""
        self.lane.hub.live.wake_ups.end(self.lane.name)  # before the first claim: a later change wakes another drain
        self.lane.window.begin_round()
        loop = asyncio.get_running_loop()
        stop_at = loop.time() + DRAIN_SECONDS
        try:
            while True:
                self._stands_aside = self.lane.hub.right_of_way.is_taken()
                if loop.time() < stop_at:
                    await self._claim()
                self._send()
                await self._record()
                if self._is_busy:
                    await self._wait()
                elif self._stands_aside and loop.time() < stop_at:
                    await asyncio.sleep(right_of_way.LOOK_SECONDS)
                elif not self._ended:
                    if not self._has_more or loop.time() >= stop_at:
                        return self._has_more
                    await asyncio.sleep(0 if self._goes_on else LOOK_SECONDS)  # else the rate limit is used up
        finally:
            for task in (*self._in_flight, self._claiming, self._recording):
                if task is not None:
                    task.cancel()
            width = self.lane.window.routine
            log.info("drain.ended", provider=self.lane.name, requests=self.requests, window=width)

    @property
    def _has_more(self) -> bool:
        return self._more or self._fresh or self._due_again

    @property
    def _is_busy(self) -> bool:
        return bool(self._in_flight or self._claiming or self._recording)

    def _free(self, urgency: Urgency) -> int:
        """Return how many slots are free for this urgency; a narrower window never takes the urgent slots."""
        window, under_way = self.lane.window, len(self._in_flight)
        urgent = list(self._in_flight.values()).count(Urgency.CONSENT)
        if urgency is Urgency.CONSENT:
            return max(window.kept - urgent, window.routine + window.kept - under_way)
        return window.routine - max(under_way - window.kept, under_way - urgent)

    @property
    def _ahead(self) -> int:
        """Return how many requests to claim beyond the window: as many as are soon sent, and surely in time."""
        took = self.lane.took
        batch_waits = any(len(together) > 1 for together, _ in self._waiting)  # it is many rows
        if took is None or batch_waits:  # nothing is known before the first answer
            return 0
        in_time = self.lane.hub.settings.request_seconds * IN_TIME - 2 * took
        ahead = int(self.lane.rate * min(AHEAD_SECONDS, max(in_time, 0.0)))
        return min(ahead, MOST_AHEAD if self.lane.batch == 1 else 1)

    async def _claim(self) -> None:
        """Claim shares that will soon fit into the window."""
        now = asyncio.get_running_loop().time()
        if self._claiming is not None:
            return
        self._goes_on = False
        ahead, free = self._ahead, self._free(Urgency.CONSENT)
        routine = self._free(Urgency.ROUTINE) - len(self._waiting) + ahead
        changes = ahead - sum(_urgency(together) < Urgency.ROUTINE for together, _ in self._waiting)
        look = now >= self._look_at
        # A large claim costs hardly more than a small one.
        if not self._stands_aside and routine >= max(ahead // 2, 1) and (self._more or self._due_again or look):
            requests, least_urgent = routine, Urgency.ROUTINE
        elif changes > 0 and look and not self._stands_aside:  # they pass what is claimed ahead
            requests, least_urgent = changes, Urgency.CHANGE
        elif free > 0 and look and (self._due_again or not self._stands_aside):
            requests, least_urgent = free, Urgency.CONSENT
        else:
            return
        self._look_at = now + LOOK_SECONDS
        requests = requests if self.lane.batch == 1 else 1
        granted = self.lane.limiter.take(requests, urgent=least_urgent is Urgency.CONSENT)
        if granted == 0 and free > 0 and least_urgent is not Urgency.CONSENT:
            least_urgent = Urgency.CONSENT  # the part that is kept for urgent requests may be left
            granted = self.lane.limiter.take(min(requests, free), urgent=True)
        if granted == 0:
            return
        deadline = now + self.lane.hub.settings.request_seconds  # counted from before the claim, as the lease is
        if self._is_busy:
            self._claiming = self._begin(self._run_claim(granted, least_urgent, deadline))
        else:
            await self._run_claim(granted, least_urgent, deadline)

    async def _run_claim(self, granted: int, least_urgent: Urgency, deadline: float) -> None:
        looks_at_all, due_again = least_urgent is Urgency.ROUTINE, self._due_again
        if looks_at_all:
            self._due_again = False  # before the claim: a record may end during it
        fresh_seconds = 0.0 if due_again else FRESH_SECONDS  # what is due again, no urgent drain was woken for
        claimed, more, fresh = await run_beside(
            self._is_busy, claim, self.lane, granted, least_urgent, self.today(), fresh_seconds=fresh_seconds
        )
        self._goes_on = more and not claimed
        if looks_at_all:
            self._more, self._fresh = more, fresh
        exchanges = list(divided(claimed, self.lane.adapter.capabilities))
        self.lane.limiter.give_back(granted - len(exchanges))
        self.requests += len(claimed)
        self._waiting += [(together, deadline) for together in exchanges]
        self._waiting.sort(key=lambda waiting: _urgency(waiting[0]))

    def _send(self) -> None:
        """Start waiting exchanges while slots are free; urgent ones may take the slots kept for them."""
        while self._waiting:
            urgency = _urgency(self._waiting[0][0])
            if self._free(urgency) <= 0 or (self._stands_aside and urgency is not Urgency.CONSENT):
                return
            together, deadline = self._waiting.pop(0)
            sending = exchange_by(self.lane, together, deadline, len(self._in_flight) + 1)
            self._in_flight[self._begin(sending)] = urgency

    def _begin(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._progress.set())
        return task

    async def _wait(self) -> None:
        """Wait until a request or a transaction has ended, or it is time to record."""
        loop = asyncio.get_running_loop()
        look_at = loop.time() + LOOK_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout_at(look_at if self._recording else min(look_at, self._record_at)):
                await self._progress.wait()
        self._progress.clear()
        for request in [request for request in self._in_flight if request.done()]:
            urgency = self._in_flight.pop(request)
            self._record_at = min(self._record_at, loop.time() + GATHER_SECONDS[urgency])
            self._ended += request.result()
        if self._claiming is not None and self._claiming.done():
            self._claiming = self._claiming.result()
        if self._recording is not None and self._recording.done():
            self._recording = self._recording.result()

    async def _record(self) -> None:
        """Record ended requests once they have waited for others, or are worth a transaction."""
        if not self._ended or self._recording is not None or not self._is_time_to_record():
            return
        ended, self._ended, self._record_at = self._ended, [], inf
        if self._is_busy:
            self._recording = self._begin(self._run_record(ended))
        else:
            await self._run_record(ended)

    async def _run_record(self, ended: Sequence[Ended]) -> None:
        lanes = {self.lane.name: self.lane}
        recorded = await run_beside(self._is_busy, record, self.lane.hub, lanes, ended, self.today())
        if recorded.due_again:
            self._due_again = True
        if recorded.judged:
            await run_beside(self._is_busy, release.begin, self.lane.hub, self.lane.name)

    def _is_time_to_record(self) -> bool:
        return (
            not self._in_flight or len(self._ended) >= GATHERED or asyncio.get_running_loop().time() >= self._record_at
        )


def _urgency(together: Sequence[ClaimedShare]) -> Urgency:
    """Return the urgency of an exchange: the most urgent shares are claimed first."""
    return together[0].urgency
