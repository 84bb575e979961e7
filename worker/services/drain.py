"""A drain: one worker empties one provider's due shares, the most urgent first, for a few seconds."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ParamSpec, TypeVar

import structlog

from integrations.base import Capabilities
from worker.domain.sharing import Urgency
from worker.services.claim import Claimed, Ended, claim, record
from worker.services.exchange import exchange
from worker.services.lane import Lane

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()

DRAIN_SECONDS = 3.5  # for claiming; one more request and its record then end before a task's soft time limit
LOOK_SECONDS = 0.05  # how often a drain whose requests hang looks for something more urgent
GATHER_SECONDS = 0.01  # how long a routine answer waits for others, to be recorded with them
BATCHES_IN_FLIGHT = 4  # one of them kept for what is urgent: claims and records are in batches, too


@dataclass(slots=True)
class Drain:
    """A rolling window of requests to one provider, refilled by claiming."""

    lane: Lane
    today: Callable[[], date]
    requests: int = 0
    _in_flight: set[asyncio.Task[list[Ended]]] = field(default_factory=set)
    _more: bool = True  # whether there may be something to claim that no wake-up will come for
    _look_at: float = 0.0
    _ended: list[Ended] = field(default_factory=list)
    _record_at: float = 0.0

    async def run(self) -> bool:
        """Bring the provider up to date; return True when time ran out before the work did."""
        self.lane.hub.live.end_kick(self.lane.name)  # before the first look: a change after it wakes another drain
        loop = asyncio.get_running_loop()
        stop_at = loop.time() + DRAIN_SECONDS
        try:
            while self._in_flight or (self._more and loop.time() < stop_at):
                if loop.time() < stop_at:
                    await self._refill()
                if self._in_flight:
                    await self._record()
                elif self._more:  # the rate limit is used up
                    await asyncio.sleep(LOOK_SECONDS)
            return self._more
        finally:
            for request in self._in_flight:
                request.cancel()
            log.info("drain.ended", provider=self.lane.name, requests=self.requests)

    @property
    def _batch(self) -> int:
        """How many changes a request carries that is claimed for; what shares one by luck is not counted on."""
        capabilities = self.lane.adapter.capabilities
        return 1 if capabilities.batch_of_first_puts else capabilities.batch

    async def _refill(self) -> None:
        """Claim what fits into the window, of which some slots are kept for what is urgent."""
        settings, loop = self.lane.hub.settings, asyncio.get_running_loop()
        window, kept = (settings.in_flight, settings.urgent_slots) if self._batch == 1 else (BATCHES_IN_FLIGHT, 1)
        free = window - len(self._in_flight)
        routine = free - kept
        look = loop.time() >= self._look_at
        if routine >= max(window // 4, 1) and (self._more or look):
            requests, least_urgent = routine, Urgency.ROUTINE
        elif free > 0 and look:
            requests, least_urgent = free, Urgency.CONSENT
        else:
            return
        self._look_at = loop.time() + LOOK_SECONDS
        requests = requests if self._batch == 1 else 1
        granted = self.lane.limiter.take(requests, urgent=least_urgent is Urgency.CONSENT)
        if granted == 0 and least_urgent is Urgency.ROUTINE:  # then perhaps what is kept for the most urgent
            least_urgent = Urgency.CONSENT
            granted = self.lane.limiter.take(requests, urgent=True)
        if granted == 0:
            return
        deadline = loop.time() + settings.request_seconds  # counted from before the claim, as its lease is
        claimed, more = await self._beside(claim, self.lane, granted * self._batch, least_urgent, self.today())
        if least_urgent is Urgency.ROUTINE:
            self._more = more
        exchanges = list(_exchanges(claimed, self.lane.adapter.capabilities))
        self.lane.limiter.give_back(granted - len(exchanges))
        self._in_flight |= {
            asyncio.create_task(exchange(self.lane.adapter, together, deadline)) for together in exchanges
        }
        self.requests += len(claimed)

    async def _record(self) -> None:
        """Wait for an answer; record what has ended once somebody waits for it, or it is worth a transaction."""
        done, self._in_flight = await asyncio.wait(
            self._in_flight, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not self._ended:
            self._record_at = asyncio.get_running_loop().time() + GATHER_SECONDS
        self._ended += [ended for request in done for ended in request.result()]
        if self._ended and self._is_time_to_record():
            ended, self._ended = self._ended, []
            self._more |= await self._beside(record, self.lane, ended, self.today())

    def _is_time_to_record(self) -> bool:
        return (
            not self._in_flight
            or len(self._ended) >= self.lane.hub.settings.in_flight // 2
            or asyncio.get_running_loop().time() >= self._record_at
            or any(claimed.urgency < Urgency.ROUTINE for claimed, _ in self._ended)
        )

    async def _beside(self, transaction: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a transaction beside the requests in flight; a thread would only cost time when there are none."""
        if self._in_flight:
            return await asyncio.to_thread(transaction, *args, **kwargs)
        return transaction(*args, **kwargs)


def _exchanges(claimed: Sequence[Claimed], capabilities: Capabilities) -> Iterator[Sequence[Claimed]]:
    """Divide what was claimed into what goes out together: changes that may share a request, and the others alone."""
    together = [one for one in claimed if _may_share(one, capabilities)]
    yield from ([one] for one in claimed if not _may_share(one, capabilities))
    yield from (together[start : start + capabilities.batch] for start in range(0, len(together), capabilities.batch))


def _may_share(claimed: Claimed, capabilities: Capabilities) -> bool:
    is_first_put = claimed.change.version == 1 and not claimed.removal
    return claimed.operation is None and (is_first_put or not capabilities.batch_of_first_puts)
