"""One exchange with a provider, and its result for each share."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from random import random
from typing import cast

import structlog

from integrations.base import Acknowledging, Adapter, Batching, Operation
from integrations.deadline import Deadline, bounded
from integrations.errors import (
    FailureCode,
    LostError,
    NotSentError,
    ProviderError,
    RejectedError,
    StaleError,
    UnclearError,
)
from worker.domain.breaker import hold_for
from worker.domain.retry import retry_in
from worker.domain.sharing import RequestOutcome, Result, Urgency
from worker.services.sharing.claim import ClaimedShare, Ended
from worker.services.sharing.lane import Exchange, Lane

log = structlog.get_logger()

ADAPTER_FAILED = "adapter_failed"
QUESTIONS = (0.001, 0.004, 0.015, 0.05, 0.085)  # seconds before each question under the request's own lease
ASK_AGAIN = {Urgency.CONSENT: 0.2, Urgency.CHANGE: 0.5, Urgency.ROUTINE: 2.0}  # seconds before each later question

DONE = Result(RequestOutcome.CONFIRMED)


async def exchange(adapter: Adapter, together: Sequence[ClaimedShare], deadline: float) -> list[Ended]:
    """Send one change, or several together, or ask about one. Raises nothing but a cancellation.

    `deadline` is in the event loop's time and bounds all of it: no byte leaves after it.
    """
    with bounded(deadline) as bound:
        return await _exchange(adapter, together, bound)


async def exchange_by(lane: Lane, together: Sequence[ClaimedShare], deadline: float, under_way: int) -> list[Ended]:
    """Exchange with a lane's provider, as one of so many requests, and have the lane note how it went."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with bounded(deadline) as bound:
        ended = await _exchange(lane.adapter, together, bound)
    took, results = loop.time() - began, [result for _, result in ended]
    lane.note_exchange(Exchange(began, took, bound.answer_seconds, under_way), results)
    return ended


async def _exchange(adapter: Adapter, together: Sequence[ClaimedShare], bound: Deadline) -> list[Ended]:
    try:
        return await _try_exchange(adapter, together, bound.at)
    except ProviderError as error:
        failure = error
    except TimeoutError:
        sent = bound.begun is not False
        code = FailureCode.TIMED_OUT if sent else FailureCode.DEADLINE_PASSED
        failure = (UnclearError if sent else NotSentError)(adapter.name, code)
    except Exception as error:  # an adapter's bug must not end the other requests
        log.error("adapter.failed", provider=adapter.name, exc_info=error)
        failure = ProviderError(adapter.name, ADAPTER_FAILED)
    return [(claimed, _failed(claimed, failure)) for claimed in together]


async def _try_exchange(adapter: Adapter, together: Sequence[ClaimedShare], deadline: float) -> list[Ended]:
    if asyncio.get_running_loop().time() >= deadline:
        raise NotSentError(adapter.name, FailureCode.DEADLINE_PASSED)
    async with asyncio.timeout_at(deadline):
        if len(together) == 1:
            return [(together[0], await _send_or_ask(adapter, together[0]))]
        answers = await cast(Batching, adapter).send_all([claimed.change for claimed in together])
    return [
        (claimed, DONE if error is None else _failed(claimed, error))
        for claimed, error in zip(together, answers, strict=True)
    ]


async def _send_or_ask(adapter: Adapter, claimed: ClaimedShare) -> Result:
    if claimed.operation is not None:
        done = await cast(Acknowledging, adapter).ask(claimed.operation)
        return DONE if done else _under_way(claimed, claimed.operation)
    operation = await adapter.send(claimed.change)
    return DONE if operation is None else await _follow(cast(Acknowledging, adapter), claimed, operation)


async def _follow(adapter: Acknowledging, claimed: ClaimedShare, operation: Operation) -> Result:
    """Ask a few times under the lease; most operations end that soon."""
    for seconds in QUESTIONS:
        await asyncio.sleep(seconds)
        try:
            if await adapter.ask(operation):
                return DONE
        except (RejectedError, LostError):
            raise
        except ProviderError:  # the provider has accepted the request all the same
            break
    return _under_way(claimed, operation)


def _under_way(claimed: ClaimedShare, operation: Operation) -> Result:
    wait = timedelta(seconds=ASK_AGAIN[claimed.urgency])
    return Result(RequestOutcome.ACCEPTED, retry_in=wait, operation=operation)


def _failed(claimed: ClaimedShare, error: ProviderError) -> Result:
    outcome = _outcome(error)
    # Many are refused at once for one reason: the lane raises one alarm for all.
    level = logging.INFO if outcome is RequestOutcome.REJECTED else logging.WARNING
    log.log(
        level,
        "share.failed",
        provider=error.provider,
        permit=str(claimed.key.permit_id),
        disclosure=str(claimed.disclosure_id),
        outcome=outcome.value,
        code=error.code,
        failures=claimed.failures + 1,
    )
    slow_down = error.retry_after is not None or error.code == FailureCode.THROTTLED
    wait = retry_in(claimed.failures, removal=claimed.removal, jitter=random(), retry_after=error.retry_after)  # noqa: S311 - spreads retries
    version = error.version if isinstance(error, StaleError) else None
    if version is not None and claimed.failures == 0:
        wait = timedelta(0)
    return Result(outcome, wait, error.code, version=version, hold=hold_for(error.retry_after) if slow_down else None)


def _outcome(error: ProviderError) -> RequestOutcome:
    match error:
        case NotSentError():
            return RequestOutcome.NOT_SENT
        case RejectedError():
            return RequestOutcome.REJECTED
        case LostError():
            return RequestOutcome.LOST
        case _:
            return RequestOutcome.UNCLEAR
