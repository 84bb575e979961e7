"""Decide, once in the database, which reminders matter today."""

from collections.abc import Collection
from datetime import date

import structlog

from worker.db import reminders
from worker.db.engine import transact
from worker.db.slices import Slices
from worker.domain.reminders import windows
from worker.hub import Hub
from worker.services import routine

SLICES = Slices(most=1_000)  # terms checked in one transaction

log = structlog.get_logger()


def decide(hub: Hub, today: date) -> bool:
    """Decide a slice of the reminders that matter today and are undecided; return whether there may be more.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    due = windows(today, hub.schedule, hub.tariffs)
    decided, more = routine.take(hub, SLICES, lambda db, limit: reminders.decide(db, due, limit))
    if decided:
        log.info("reminders.decided", count=decided)
    return more


def due_channels(hub: Hub, channels: Collection[str]) -> list[str]:
    """Return the channels with reminders due now."""
    return transact(hub.engine, lambda db: reminders.due_channels(db, channels))
