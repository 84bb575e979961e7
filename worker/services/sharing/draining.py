"""What every drain does: transactions beside its requests, and shares divided into requests."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import ParamSpec, TypeVar

from integrations.base import Capabilities
from worker.services.sharing.claim import ClaimedShare, may_share

P = ParamSpec("P")
T = TypeVar("T")

DRAIN_SECONDS = 3.5  # for claiming; one more request and its record then end before a task's soft time limit


async def run_beside(is_busy: object, transaction: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a transaction beside what the loop is busy with; if that is nothing, a thread would only cost time."""
    if is_busy:
        return await asyncio.to_thread(transaction, *args, **kwargs)
    return transaction(*args, **kwargs)


def divided(claimed: Sequence[ClaimedShare], capabilities: Capabilities) -> Iterator[Sequence[ClaimedShare]]:
    """Divide claimed shares into requests: those that may share one in batches, the others alone."""
    together = [share for share in claimed if may_share(share, capabilities)]
    yield from ([share] for share in claimed if not may_share(share, capabilities))
    yield from (together[start : start + capabilities.batch] for start in range(0, len(together), capabilities.batch))
