"""Invalidate what a provider confirmed, so that its lane sends the truth again. This module sends nothing."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Connection

from schemas.events import ProviderEventType
from worker.db.engine import transact
from worker.db.sharing import drift, providers, shares
from worker.db.sharing.shares import ShareKey
from worker.db.slices import Slices
from worker.db.trip import run
from worker.domain import sharing
from worker.hub import UNAVAILABLE, Hub
from worker.services import routine
from worker.services.sharing.claim import timing
from worker.services.sharing.lane import publish_provider_events

log = structlog.get_logger()

SLICES = Slices(most=2_000)


def invalidate(hub: Hub, db: Connection, provider: str, permit_ids: Collection[UUID]) -> set[str]:
    """Have the truth of these shares sent again, even if it was confirmed.

    Returns the residents concerned, for `drop_spaces_of` after the commit.
    """
    if not permit_ids:
        return set()
    now, found = run(db, shares.lock([ShareKey(permit_id, provider) for permit_id in permit_ids]))
    run(db, shares.update({stored.key: sharing.invalidate(stored.share, now, timing(hub)) for stored in found}))
    return {stored.resident_id for stored in found if stored.resident_id is not None}


def drop_spaces_of(hub: Hub, resident_ids: Collection[str]) -> None:
    """Drop personal spaces that show an invalidated confirmation; the next reader has them remade."""
    try:
        hub.live.spaces.drop(sorted(resident_ids))
    except UNAVAILABLE as error:  # the lane drops them again when it has sent the truth
        log.warning("spaces.not_dropped", error=type(error).__name__)


def reaffirm(hub: Hub, provider: str, since: datetime) -> Iterator[int]:
    """Invalidate what a provider confirmed since `since`: it has lost data, or restored a backup.

    Removals come first: their data may be held again. Works in slices and yields the number of shares in each. If it
    is interrupted, it can be run again.
    """
    for removed in (True, False):
        after: UUID | None = None
        while True:
            next_ones = partial(_invalidate_next, hub=hub, provider=provider, since=since, after=after, removed=removed)
            after, count, concerned = routine.take(hub, SLICES, next_ones)
            drop_spaces_of(hub, concerned)
            if after is None:
                break
            yield count
    transact(hub.engine, lambda db: providers.note(db, provider, ProviderEventType.REAFFIRMED))
    publish_provider_events(hub)
    hub.wake([provider])


def _invalidate_next(
    db: Connection, limit: int, *, hub: Hub, provider: str, since: datetime, after: UUID | None, removed: bool
) -> tuple[UUID | None, int, set[str]]:
    last, found = drift.confirmed_since(db, provider, since, after, limit, removed=removed)
    return last, len(found), invalidate(hub, db, provider, found)
