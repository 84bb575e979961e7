"""After a breaker has closed, make the shares that it held back due, slice by slice."""

from functools import partial
from time import monotonic

import structlog
from sqlalchemy import Connection

from worker.db.engine import transact
from worker.db.sharing import providers
from worker.db.slices import Slices
from worker.hub import UNAVAILABLE, Hub
from worker.services import routine

SECONDS = 1.0  # of a sweep, for each provider; the next sweep continues
SLICES = Slices(most=5_000)

log = structlog.get_logger()


def release_all(hub: Hub) -> None:
    """Release held-back shares of each provider, for `SECONDS` each, and wake its lane."""
    for provider in transact(hub.engine, providers.releasing):
        stop_at = monotonic() + SECONDS
        while release_next(hub, provider) and monotonic() < stop_at:
            pass
        hub.wake([provider])


def release_next(hub: Hub, provider: str) -> bool:
    """Release a slice of one provider's held-back shares, most urgent first; return whether there may be more."""
    return routine.take(hub, SLICES, partial(_release, provider=provider))


def release_first(hub: Hub, provider: str) -> None:
    """Release a first slice if the provider's breaker has closed; the sweep releases the others."""
    if provider in transact(hub.engine, providers.releasing):
        release_next(hub, provider)


def begin(hub: Hub, provider: str) -> None:
    """Wake the provider's lane, which releases a first slice, once a breaker has closed.

    Nothing is released here: a withdrawal may wait for the caller. If this fails, the sweep does it.
    """
    try:
        hub.wake([provider])
    except UNAVAILABLE as error:
        log.warning("breaker.not_released", provider=provider, error=type(error).__name__)


def _release(db: Connection, limit: int, *, provider: str) -> bool:
    return providers.release(db, provider, limit)
