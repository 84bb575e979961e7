"""A drain: one worker empties one provider's due shares, the most urgent first, for a few seconds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from random import random
from typing import ParamSpec, TypeVar

import structlog

from integrations.base import Adapter
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError
from worker.domain.retry import retry_in
from worker.domain.sharing import Outcome, Result, Urgency
from worker.hub import Hub
from worker.services.claim import Claimed, Ended, claim, record

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()

DRAIN_SECONDS = 3.5  # for claiming; one more request and its record then end before a task's soft time limit
LOOK_SECONDS = 0.05  # how often a drain whose requests hang looks for something more urgent
GATHER_SECONDS = 0.01  # how long a routine answer waits for others, to be recorded with them
DEADLINE_PASSED = "deadline_passed"
ADAPTER_FAILED = "adapter_failed"


@dataclass(slots=True)
class Drain:
    """A rolling window of requests to one provider, refilled by claiming."""

    hub: Hub
    adapter: Adapter
    today: Callable[[], date]
    requests: int = 0
    _in_flight: set[asyncio.Task[Ended]] = field(default_factory=set)
    _more: bool = True  # whether there may be something to claim that no wake-up will come for
    _look_at: float = 0.0
    _ended: list[Ended] = field(default_factory=list)
    _record_at: float = 0.0

    async def run(self) -> bool:
        """Bring the provider up to date; return True when time ran out before the work did."""
        self.hub.live.end_kick(self.adapter.name)  # before the first look: a change after it wakes another drain
        loop = asyncio.get_running_loop()
        stop_at = loop.time() + DRAIN_SECONDS
        try:
            while self._in_flight or (self._more and loop.time() < stop_at):
                if loop.time() < stop_at:
                    await self._refill()
                if self._in_flight:
                    await self._record()
            return self._more
        finally:
            for request in self._in_flight:
                request.cancel()
            log.info("drain.ended", provider=self.adapter.name, requests=self.requests)

    async def _refill(self) -> None:
        """Claim what fits into the window, of which some slots are kept for what is urgent."""
        settings, loop = self.hub.settings, asyncio.get_running_loop()
        free = settings.in_flight - len(self._in_flight)
        routine = free - settings.urgent_slots
        look = loop.time() >= self._look_at
        if routine >= settings.in_flight // 4 and (self._more or look):
            limit, least_urgent = routine, Urgency.ROUTINE
        elif free and look:
            limit, least_urgent = free, Urgency.CONSENT
        else:
            return
        deadline = loop.time() + settings.request_seconds  # counted from before the claim, as its lease is
        claims = await self._beside(claim, self.hub, self.adapter.name, limit, least_urgent, self.today())
        if least_urgent is Urgency.ROUTINE:
            self._more = claims.looked_at == limit
        self._look_at = loop.time() + LOOK_SECONDS
        self._in_flight |= {asyncio.create_task(self._send(claimed, deadline)) for claimed in claims.claimed}
        self.requests += len(claims.claimed)

    async def _record(self) -> None:
        """Wait for an answer; record what has ended once somebody waits for it, or it is worth a transaction."""
        done, self._in_flight = await asyncio.wait(
            self._in_flight, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not self._ended:
            self._record_at = asyncio.get_running_loop().time() + GATHER_SECONDS
        self._ended += [request.result() for request in done]
        if self._ended and self._is_time_to_record():
            ended, self._ended = self._ended, []
            self._more |= await self._beside(record, self.hub, self.adapter.name, ended, self.today())

    def _is_time_to_record(self) -> bool:
        return (
            not self._in_flight
            or len(self._ended) >= self.hub.settings.in_flight // 2
            or asyncio.get_running_loop().time() >= self._record_at
            or any(claimed.urgency < Urgency.ROUTINE for claimed, _ in self._ended)
        )

    async def _beside(self, transaction: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a transaction beside the requests in flight; a thread would only cost time when there are none."""
        if self._in_flight:
            return await asyncio.to_thread(transaction, *args, **kwargs)
        return transaction(*args, **kwargs)

    async def _send(self, claimed: Claimed, deadline: float) -> Ended:
        """Make one request and say how it ended; nothing but a cancellation gets out."""
        if asyncio.get_running_loop().time() >= deadline:
            return claimed, self._failed(claimed, Outcome.NOT_SENT, DEADLINE_PASSED)
        try:
            async with asyncio.timeout_at(deadline):
                if claimed.shared is None:
                    await self.adapter.remove(claimed.reference)
                else:
                    await self.adapter.put(claimed.shared)
        except NotSentError as error:
            return claimed, self._failed(claimed, Outcome.NOT_SENT, error.code, error.retry_after)
        except RejectedError as error:
            return claimed, self._failed(claimed, Outcome.REJECTED, error.code)
        except ProviderError as error:
            return claimed, self._failed(claimed, Outcome.UNCLEAR, error.code, error.retry_after)
        except TimeoutError:
            return claimed, self._failed(claimed, Outcome.UNCLEAR, FailureCode.TIMED_OUT)
        except Exception as error:  # an adapter's bug must not take the whole window with it
            log.error("adapter.failed", provider=self.adapter.name, exc_info=error)
            return claimed, self._failed(claimed, Outcome.UNCLEAR, ADAPTER_FAILED)
        return claimed, Result(Outcome.CONFIRMED)

    def _failed(self, claimed: Claimed, outcome: Outcome, code: str, retry_after: float | None = None) -> Result:
        log.warning(
            "share.failed",
            provider=self.adapter.name,
            permit=str(claimed.key.permit_id),
            disclosure=str(claimed.lease_id),
            outcome=outcome.value,
            code=code,
            failures=claimed.failures + 1,
        )
        wait = retry_in(claimed.failures, removal=claimed.shared is None, jitter=random(), retry_after=retry_after)  # noqa: S311 - spreads retries
        return Result(outcome, wait, code)
