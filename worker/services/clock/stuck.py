"""Say what is stuck, for whoever reads the log."""

from datetime import date

import structlog

from worker.db.clock import stuck
from worker.db.clock.stuck import Asked, Stuck
from worker.db.engine import transact
from worker.hub import Hub
from worker.settings import Settings

log = structlog.get_logger()


def asked(configured: Settings, today: date) -> Asked:
    """Return what an installation's look goes by."""
    return Asked(configured.providers, today, configured.time_zone, configured.permits_kept_months)


def watch(hub: Hub, today: date) -> list[Stuck]:
    """Log a warning for each kind that waits too long; return them.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    found = transact(hub.engine, lambda db: stuck.find(db, asked(hub.settings, today)))
    for one in found:
        about = {} if one.provider is None else {"provider": one.provider}
        log.warning("stuck.found", kind=one.kind.value, **about, count=one.count, oldest=round(one.oldest_seconds))
    return found
