"""Correct what a reconciliation has found, once the whole list is read: orphans, missing copies, missing shares.

Shares become due, a slice at a time; the lanes send what is right.
"""

from datetime import timedelta

from sqlalchemy import Connection

from worker.db.sharing import drift, reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.db.slices import Slices
from worker.hub import Hub
from worker.services import routine
from worker.services.sharing.invalidate import drop_spaces_of, invalidate

ADOPTED, MISSING, SHARED = Slices(most=5_000), Slices(most=5_000), Slices(most=5_000)


def correct_next(hub: Hub, run: Reconciliation, lasts: timedelta) -> bool:
    """Correct the next slice of differences; return whether there was anything left to look at.

    With each slice the run's lease lasts so long again.
    """
    return _adopt(hub, run) or find_missing(hub, run, lasts) or _share_next(hub, run, lasts)


def _adopt(hub: Hub, run: Reconciliation) -> bool:
    """Have the next orphans removed, once the whole list is read and believed; return whether there were any."""
    if run.dry_run:
        return False
    return routine.take(hub, ADOPTED, lambda db, most: drift.adopt(db, run.provider, run.reconciliation_id, most)) > 0


def find_missing(hub: Hub, run: Reconciliation, lasts: timedelta) -> bool:
    """Check the next shares for copies that were not listed; return whether there were any shares left."""

    def transaction(db: Connection, limit: int) -> tuple[bool, set[str]]:
        assert run.started_at is not None
        last, missing = drift.missing(db, run.provider, run.reconciliation_id, run.started_at, run.position, limit)
        concerned: set[str] = set()
        if last is not None and reconciliations.look(db, run, last, len(missing), lasts) and not run.dry_run:
            concerned = invalidate(hub, db, run.provider, missing)
        return last is not None, concerned

    more, concerned = routine.take(hub, MISSING, transaction)
    drop_spaces_of(hub, concerned)
    return more


def _share_next(hub: Hub, run: Reconciliation, lasts: timedelta) -> bool:
    """Make the shares that the next permits lack: the provider may have been added after them.

    Returns whether there were any permits left.
    """
    if run.dry_run or run.provider not in hub.public_task:
        return False

    def transaction(db: Connection, limit: int) -> bool:
        last = drift.share_next(db, run.provider, run.shared_up_to, limit)
        if last is not None:
            reconciliations.share(db, run, last, lasts)
        return last is not None

    return routine.take(hub, SHARED, transaction)
