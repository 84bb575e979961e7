"""Warn about work that is stuck."""

from datetime import date

import structlog

from worker.db.clock import stuck
from worker.db.clock.stuck import Stuck, StuckQuery
from worker.hub import Hub
from worker.services import routine
from worker.settings import Settings

log = structlog.get_logger()


def query(configured: Settings, today: date) -> StuckQuery:
    """Return what a look for stuck work depends on."""
    return StuckQuery(configured.providers, today, configured.time_zone, configured.permits_kept_months)


def watch(hub: Hub, today: date) -> list[Stuck]:
    """Log a warning for each kind of work that waits too long; return them.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    found = routine.transact(hub, lambda db: stuck.find(db, query(hub.settings, today)))
    for waiting in found:
        about = {} if waiting.provider is None else {"provider": waiting.provider}
        log.warning(
            "stuck.found", kind=waiting.kind.value, **about, count=waiting.count, oldest=round(waiting.oldest_seconds)
        )
    return found
