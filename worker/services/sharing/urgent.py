"""The urgent drain: what residents decide on their data goes to all providers at once, in front of all other work.

It claims shares of urgency 0 alone, at every provider in one transaction, and sends all requests at the same time. What
has answered within a few milliseconds is recorded together. A provider that is slow or silent holds up no other.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import structlog

from worker.hub import Hub
from worker.live.wake_ups import URGENT
from worker.services.sharing.claim import Ended, claim_urgent
from worker.services.sharing.draining import DRAIN_SECONDS, divided, run_beside
from worker.services.sharing.exchange import exchange_by
from worker.services.sharing.lane import Lane
from worker.services.sharing.record import record

LOOK_SECONDS = 0.05  # how often it looks for another decision while requests are under way
LEAST_SECONDS = 0.5  # for a request; a drain that has less time left claims nothing more
GATHER_SECONDS = 0.006  # how long an answer waits for those of other providers, to be recorded together

log = structlog.get_logger()


@dataclass(slots=True)
class UrgentDrain:
    """One pass over all lanes, by their providers' names; it ends when nothing urgent can be claimed any more."""

    hub: Hub
    lanes: Mapping[str, Lane]
    today: Callable[[], date]
    requests: int = 0
    _in_flight: dict[asyncio.Task[list[Ended]], str] = field(default_factory=dict)  # with its provider
    _left: set[str] = field(default_factory=set)  # providers with more than could be claimed

    async def run(self) -> set[str]:
        """Send until nothing urgent is due or the time is over; return the providers that may have work left."""
        self.hub.live.wake_ups.end(URGENT)  # before the first claim: a later decision wakes another drain
        sent_for = self.hub.right_of_way.handed_over()
        loop = asyncio.get_running_loop()
        ends_at, look_at = loop.time() + DRAIN_SECONDS + self.hub.settings.request_seconds, loop.time()
        try:
            while True:
                if look_at <= loop.time() < ends_at - LEAST_SECONDS:  # also while one provider hangs
                    await self._claim(ends_at)
                    look_at = loop.time() + LOOK_SECONDS
                if not self._in_flight:
                    return self._left
                if ended := await self._answers():
                    recorded = await run_beside(self._in_flight, record, self.hub, self.lanes, ended, self.today())
                    self._left |= recorded.due_again
                    look_at = loop.time() if self._left else look_at
        finally:
            for request in self._in_flight:
                request.cancel()
            self.hub.right_of_way.give_up(sent_for)
            log.info("urgent_drain.ended", requests=self.requests)

    async def _claim(self, ends_at: float) -> None:
        granted = self._granted()
        if not granted:
            self._left = set(self.lanes)
            return
        deadline = min(asyncio.get_running_loop().time() + self.hub.settings.request_seconds, ends_at)
        claimed, more = await run_beside(self._in_flight, claim_urgent, self.hub, self.lanes, granted, self.today())
        self._left = more | (self.lanes.keys() - granted.keys())
        self.requests += len(claimed)
        used, under_way = Counter[str](), self._under_way
        for name, lane in self.lanes.items():
            for together in divided([each for each in claimed if each.key.provider == name], lane.adapter.capabilities):
                used[name] += 1
                sending = exchange_by(lane, together, deadline, under_way[name] + used[name])
                self._in_flight[asyncio.create_task(sending)] = name
        for name, number in granted.items():
            self.lanes[name].limiter.give_back(number - used[name])

    @property
    def _under_way(self) -> Counter[str]:
        """Return how many requests are under way at each provider."""
        return Counter(self._in_flight.values())

    def _granted(self) -> dict[str, int]:
        """Return how many requests each provider may be sent now, where it may be sent any."""
        under_way = self._under_way
        windows = {name: lane.window for name, lane in self.lanes.items()}
        free = {name: window.routine + window.kept - under_way[name] for name, window in windows.items()}
        granted = {
            name: self.lanes[name].limiter.take(number, urgent=True) for name, number in free.items() if number > 0
        }
        return {name: number for name, number in granted.items() if number > 0}

    async def _answers(self) -> list[Ended]:
        """Wait until a request has ended, and a moment for others; return how they ended, nothing if none did."""
        done, _ = await asyncio.wait(self._in_flight, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return []
        if len(done) < len(self._in_flight):
            done, _ = await asyncio.wait(self._in_flight, timeout=GATHER_SECONDS)
        for request in done:
            del self._in_flight[request]
        return [ended for request in done for ended in request.result()]
