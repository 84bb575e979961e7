"""Make shares due that were held back, slice by slice: by a breaker that has closed, or after a restore."""

from functools import partial
from time import monotonic

import structlog
from sqlalchemy import Connection

from worker.db.engine import transact
from worker.db.sharing import providers, shares
from worker.db.slices import Slices
from worker.hub import UNAVAILABLE, Hub
from worker.live.wake_ups import URGENT
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


def let_go_all(hub: Hub) -> None:
    """Let go what was withheld until an operator released it, for `SECONDS` for each provider, and wake its lane."""
    for provider in transact(hub.engine, lambda db: shares.withheld(db, hub.capabilities)):
        stop_at = monotonic() + SECONDS
        while routine.take(hub, SLICES, partial(_let_go, provider=provider)) and monotonic() < stop_at:
            pass
        hub.wake([provider, URGENT])


def release_next(hub: Hub, provider: str) -> bool:
    """Release a slice of one provider's held-back shares, most urgent first; return whether there may be more."""
    return routine.take(hub, SLICES, partial(_release, provider=provider))


def begin(hub: Hub, provider: str) -> None:
    """Release a first slice when a breaker closes; the sweep releases the others, also if this fails."""
    try:
        release_next(hub, provider)
    except UNAVAILABLE as error:
        log.warning("breaker.not_released", provider=provider, error=type(error).__name__)


def _let_go(db: Connection, limit: int, *, provider: str) -> bool:
    return shares.let_go(db, provider, limit)


def _release(db: Connection, limit: int, *, provider: str) -> bool:
    return providers.release(db, provider, limit)
