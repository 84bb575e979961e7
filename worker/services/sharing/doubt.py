"""Doubt what a provider confirmed: it is then sent the truth again. Nothing is sent from here."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Connection

from schemas.events import ProviderEventType
from worker.db.engine import transact
from worker.db.sharing import drift, providers, shares
from worker.db.slices import Slices
from worker.domain import sharing
from worker.hub import AWAY, Hub
from worker.services.sharing.claim import timing
from worker.services.sharing.lane import tell_providers

log = structlog.get_logger()

SLICES = Slices(most=2_000)


def doubt(hub: Hub, db: Connection, provider: str, permit_ids: Collection[UUID]) -> set[str]:
    """Have these shares sent the truth again, without regard to what they confirmed.

    Returns the residents concerned, for `show_doubts` once this is committed.
    """
    if not permit_ids:
        return set()
    now, found = shares.lock(db, provider, permit_ids)
    shares.upsert(db, {stored.key: sharing.doubt(stored.share, now, timing(hub)) for stored in found})
    return {stored.resident_id for stored in found if stored.resident_id is not None}


def show_doubts(hub: Hub, resident_ids: Collection[str]) -> None:
    """Drop personal spaces that say "removed" or "held" of what is in doubt; the next reader has them made again."""
    try:
        hub.live.forget_spaces(sorted(resident_ids))
    except AWAY as error:  # the lane drops them again once it has sent the truth
        log.warning("doubts.not_shown", error=type(error).__name__)


def reaffirm(hub: Hub, provider: str, since: datetime) -> Iterator[int]:
    """Doubt all that a provider confirmed since a moment: it has lost its memory, or restored a backup.

    What was removed comes first: it may be held again by those who were told to forget it. Works in slices and yields
    how many shares each was about; all of it can be done again if it is interrupted.
    """
    for removed in (True, False):
        after: UUID | None = None
        while True:
            next_ones = partial(_doubt_next, hub=hub, provider=provider, since=since, after=after, removed=removed)
            after, count, concerned = SLICES.take(hub.engine, next_ones)
            show_doubts(hub, concerned)
            if after is None:
                break
            yield count
    transact(hub.engine, lambda db: providers.note(db, provider, ProviderEventType.REAFFIRMED))
    tell_providers(hub)
    hub.wake([provider])


def _doubt_next(
    db: Connection, limit: int, *, hub: Hub, provider: str, since: datetime, after: UUID | None, removed: bool
) -> tuple[UUID | None, int, set[str]]:
    last, found = drift.confirmed_since(db, provider, since, after, limit, removed=removed)
    return last, len(found), doubt(hub, db, provider, found)
