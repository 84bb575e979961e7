"""A drain: one worker empties one provider's due shares, the most urgent first, for a few seconds."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import ParamSpec, TypeVar

import structlog

from integrations.base import Capabilities
from worker import right_of_way
from worker.domain.breaker import BreakerState
from worker.domain.sharing import Urgency
from worker.services.sharing.claim import ClaimedShare, Ended, claim, may_share, record
from worker.services.sharing.exchange import exchange
from worker.services.sharing.lane import Lane
from worker.services.sharing.release import release_first

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()

DRAIN_SECONDS = 3.5  # for claiming; one more request and its record then end before a task's soft time limit
LOOK_SECONDS = 0.05  # how often a drain whose requests hang looks for something more urgent
SOON = 0.25  # of a request's time: faster answers leave time for claims ahead
GATHER_SECONDS = 0.03  # how long a routine answer waits for others, to be recorded together


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
    _waiting: deque[tuple[Sequence[ClaimedShare], float]] = field(default_factory=deque)
    _more: bool = True  # whether the last claim may have left shares behind
    _due_again: bool = False  # whether a record found a share due since that claim began: no wake-up comes for it
    _look_at: float = 0.0
    _stands_aside: bool = False  # routine shares are neither claimed nor sent
    _ended: list[Ended] = field(default_factory=list)
    _record_at: float = 0.0

    async def run(self) -> bool:
        """Send until the provider is up to date or the time is over; return True if work may be left."""
        self.lane.hub.live.wake_ups.end(self.lane.name)  # before the first claim: a later change wakes another drain
        if self.lane.state.breaker is not BreakerState.CLOSED:  # as of the last claim: it may have closed since
            release_first(self.lane.hub, self.lane.name)
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
                    await asyncio.sleep(LOOK_SECONDS)  # the rate limit is used up
        finally:
            for task in (*self._in_flight, self._claiming, self._recording):
                if task is not None:
                    task.cancel()
            log.info("drain.ended", provider=self.lane.name, requests=self.requests)

    @property
    def _has_more(self) -> bool:
        return self._more or self._due_again

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
    def _answers_soon(self) -> bool:
        """Return whether answers come so fast that a share can wait for another's; False before the first answer."""
        return self.lane.took is not None and self.lane.took < self.lane.hub.settings.request_seconds * SOON

    @property
    def _ahead(self) -> int:
        """Return how many requests to claim beyond the window; 0 while a batch waits, which is many rows."""
        batch_waits = any(len(together) > 1 for together, _ in self._waiting)
        return self.lane.window.routine if self.lane.batch == 1 and self._answers_soon and not batch_waits else 0

    async def _claim(self) -> None:
        """Claim shares that will soon fit into the window."""
        now = asyncio.get_running_loop().time()
        if self._claiming is not None:
            return
        ahead, free = self._ahead, self._free(Urgency.CONSENT)
        routine = self._free(Urgency.ROUTINE) - len(self._waiting) + ahead
        look = now >= self._look_at
        # A large claim costs hardly more than a small one.
        if not self._stands_aside and routine >= max(ahead // 2, 1) and (self._has_more or look):
            requests, least_urgent = routine, Urgency.ROUTINE
        elif free > 0 and look and (self._due_again or not self._stands_aside):
            requests, least_urgent = free, Urgency.CONSENT
        else:
            return
        self._look_at = now + LOOK_SECONDS
        requests = requests if self.lane.batch == 1 else 1
        granted = self.lane.limiter.take(requests, urgent=least_urgent is Urgency.CONSENT)
        if granted == 0 and least_urgent is Urgency.ROUTINE:  # the part that is kept for urgent requests may be left
            least_urgent = Urgency.CONSENT
            granted = self.lane.limiter.take(min(requests, free), urgent=True)
        if granted == 0:
            return
        deadline = now + self.lane.hub.settings.request_seconds  # counted from before the claim, as the lease is
        if self._is_busy:
            self._claiming = self._begin(self._run_claim(granted, least_urgent, deadline))
        else:
            await self._run_claim(granted, least_urgent, deadline)

    async def _run_claim(self, granted: int, least_urgent: Urgency, deadline: float) -> None:
        looks_at_all = least_urgent is Urgency.ROUTINE
        if looks_at_all:
            self._due_again = False  # before the claim: a record may end during it
        claimed, more = await self._run_transaction(claim, self.lane, granted, least_urgent, self.today())
        if looks_at_all:
            self._more = more
        exchanges = list(divided(claimed, self.lane.adapter.capabilities))
        self.lane.limiter.give_back(granted - len(exchanges))
        self.requests += len(claimed)
        urgent = [together for together in exchanges if together[0].urgency is Urgency.CONSENT]
        self._waiting.extendleft((together, deadline) for together in reversed(urgent))
        self._waiting.extend((together, deadline) for together in exchanges if together not in urgent)

    def _send(self) -> None:
        """Start waiting exchanges while slots are free; urgent ones may take the slots kept for them."""
        while self._waiting:
            urgency = self._waiting[0][0][0].urgency
            if self._free(urgency) <= 0 or (self._stands_aside and urgency is not Urgency.CONSENT):
                return
            together, deadline = self._waiting.popleft()
            self._in_flight[self._begin(self._exchange(together, deadline))] = urgency

    def _begin(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._progress.set())
        return task

    async def _exchange(self, together: Sequence[ClaimedShare], deadline: float) -> list[Ended]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        ended = await exchange(self.lane.adapter, together, deadline)
        self.lane.note_exchange(started, loop.time(), [result for _, result in ended], len(self._in_flight))
        return ended

    async def _wait(self) -> None:
        """Wait until a request or a transaction has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._progress.wait()
        self._progress.clear()
        answered = [request for request in self._in_flight if request.done()]
        for request in answered:
            del self._in_flight[request]
        if answered and not self._ended:
            self._record_at = asyncio.get_running_loop().time() + GATHER_SECONDS
        self._ended += [ended for request in answered for ended in request.result()]
        if self._claiming is not None and self._claiming.done():
            self._claiming = self._claiming.result()
        if self._recording is not None and self._recording.done():
            self._recording = self._recording.result()

    async def _record(self) -> None:
        """Record ended requests once a resident waits for them, or they are worth a transaction."""
        if not self._ended or self._recording is not None or not self._is_time_to_record():
            return
        ended, self._ended = self._ended, []
        if self._is_busy:
            self._recording = self._begin(self._run_record(ended))
        else:
            await self._run_record(ended)

    async def _run_record(self, ended: Sequence[Ended]) -> None:
        lanes = {self.lane.name: self.lane}
        if await self._run_transaction(record, self.lane.hub, lanes, ended, self.today()):
            self._due_again = True

    def _is_time_to_record(self) -> bool:
        return (
            not self._in_flight
            or len(self._ended) >= max(self.lane.window.routine // 2, 1)
            or asyncio.get_running_loop().time() >= self._record_at
            or any(claimed.urgency < Urgency.ROUTINE for claimed, _ in self._ended)
        )

    async def _run_transaction(self, transaction: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a transaction beside the requests in flight; without any, a thread would only cost time."""
        if self._is_busy:
            return await asyncio.to_thread(transaction, *args, **kwargs)
        return transaction(*args, **kwargs)


def divided(claimed: Sequence[ClaimedShare], capabilities: Capabilities) -> Iterator[Sequence[ClaimedShare]]:
    """Divide claimed shares into requests: those that may share one in batches, the others alone."""
    together = [share for share in claimed if may_share(share, capabilities)]
    yield from ([share] for share in claimed if not may_share(share, capabilities))
    yield from (together[start : start + capabilities.batch] for start in range(0, len(together), capabilities.batch))
