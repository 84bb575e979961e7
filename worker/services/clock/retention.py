"""Anonymise permits that have been over for long enough, and delete records that are no longer needed.

Due rows are found in the database, so days of downtime only cost a delay. Each slice has its own transaction, and kinds
take turns. Permits go one resident at a time, so no withdrawal waits for long.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from datetime import time as midnight
from functools import partial
from itertools import takewhile
from time import monotonic

import structlog
from sqlalchemy import Connection

from schemas.events import EventType
from worker.db.clock import leftovers, retention
from worker.db.clock.retention import Ledger, Place
from worker.db.engine import transact
from worker.db.jobs import permits, plates, residents
from worker.db.sharing import reconciliations
from worker.db.slices import Slices
from worker.db.trip import run
from worker.domain import life
from worker.domain.retention import is_due, latest_due, may_be_held
from worker.hub import TASK_ENDING, Hub
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork

ROWS = 1_000  # of a ledger, at most in one transaction
FOUND_AT_ONCE = 10  # permits or contacts that are due; each resident then has a transaction of their own
DISCLOSURES = 2_000  # checked each time, at most; ten million take days
COPIES = "reconciled_copies"

_SLICES = {kind: Slices(ROWS) for kind in ("plates", COPIES, *Ledger)}
_OF_DISCLOSURES = Slices(DISCLOSURES)

log = structlog.get_logger()


def purge(hub: Hub, today: date, until: float = math.inf) -> None:
    """Delete and anonymise what is due today, until `until` (monotonic clock); a later purge continues.

    Raises:
        worker.hub.TASK_ENDING: the database or Redis is unavailable, or the task's time is over.
    """
    settings = hub.settings
    jobs_before = _before(hub, today, settings.jobs_kept_months)
    permits_before = _before(hub, today, settings.permits_kept_months)
    slices = {
        "plates": _plates(hub, permits_before),
        **{ledger.value: _ledger(hub, ledger, jobs_before) for ledger in Ledger},
        COPIES: _copies(hub),
        "disclosures": _disclosures(hub, _before(hub, today, settings.disclosures_kept_months)),
        "permits": _permits(hub, today),  # the slowest
        "contacts": _contacts(hub, permits_before, today),  # with no remaining permit
    }
    purged: Counter[str] = Counter()
    while slices and monotonic() < until:
        for kind in takewhile(lambda _: monotonic() < until, list(slices)):
            count = _purge_slice(kind, slices[kind])
            if count is None:
                del slices[kind]
            else:
                purged[kind] += count
    if purged.total():
        log.info("retention.purged", **purged)
    if purged["permits"] or purged["contacts"]:  # their spaces and jobs are still in Redis' file
        transact(hub.engine, lambda db: run(db, leftovers.note()))


def _purge_slice(kind: str, slices: Iterator[int]) -> int | None:
    """Purge a slice of one kind; None when it has no more or has failed, so that it holds up no other kind."""
    try:
        return next(slices, None)
    except TASK_ENDING:
        raise
    except Exception as error:
        log.error("retention.failed", kind=kind, error=type(error).__name__)
        return None


def _before(hub: Hub, today: date, months: int) -> datetime:
    """Return the midnight before which a record is due."""
    return datetime.combine(latest_due(today, months) + timedelta(days=1), midnight(0), hub.zone)


def _plates(hub: Hub, before: datetime) -> Iterator[int]:
    while count := _SLICES["plates"].take(
        hub.engine, lambda db, most: retention.delete_replaced_plates(db, before, most)
    ):
        yield count


def _ledger(hub: Hub, ledger: Ledger, before: datetime) -> Iterator[int]:
    while count := _SLICES[ledger].take(hub.engine, lambda db, most: retention.purge(db, ledger, before, most)):
        yield count


def _copies(hub: Hub) -> Iterator[int]:
    while count := _SLICES[COPIES].take(hub.engine, reconciliations.delete_copies):
        yield count


def _disclosures(hub: Hub, before: datetime) -> Iterator[int]:
    settle = timedelta(seconds=hub.settings.settle_seconds)
    yield _OF_DISCLOSURES.take(hub.engine, lambda db, most: retention.purge_disclosures(db, before, settle, most))


def _permits(hub: Hub, today: date) -> Iterator[int]:
    by = latest_due(today, hub.settings.permits_kept_months)
    place: Place | None = None
    while True:
        due, place = transact(hub.engine, partial(retention.next_due, by=by, after=place, most=FOUND_AT_ONCE))
        if place is None:
            return
        yield sum(_with_lock(hub, resident_id, today, partial(_anonymise_permits, by=by)) for resident_id in due)


def _contacts(hub: Hub, before: datetime, today: date) -> Iterator[int]:
    while True:
        due, ended = transact(hub.engine, partial(retention.next_contacts, before=before, most=FOUND_AT_ONCE))
        yield sum(_with_lock(hub, resident_id, today, partial(_delete_contact, before=before)) for resident_id in due)
        if ended or not due:  # once nothing is found, the next purge looks again
            return


def _with_lock(hub: Hub, resident_id: str, today: date, act: Callable[[UnitOfWork], int]) -> int:
    """Delete or anonymise data of one resident under their lock; return how much."""

    def transaction(db: Connection) -> tuple[Publication, int] | None:
        unit = UnitOfWork.start(hub, db, resident_id, today)
        count = act(unit) if unit else 0
        return (unit.finish(), count) if unit and count else None

    try:
        anonymised = transact(hub.engine, transaction)
    except TASK_ENDING:
        raise
    except Exception as error:  # one resident's failure must not hold up the others
        log.error("retention.not_anonymised", resident=resident_id, error=type(error).__name__)
        return 0
    if anonymised is None:
        return 0
    publication, count = anonymised
    publish(hub, [publication], today)
    return count


def _anonymise_permits(unit: UnitOfWork, by: date) -> int:
    held = {key.permit_id for key, stored in unit.shares.items() if may_be_held(stored.share)}
    due = retention.due_of(unit.db, unit.resident.resident_id, by)
    gone = sorted(permit_id for permit_id in due & unit.permits.keys() - held if is_due(unit.permits[permit_id], by))
    if gone:
        ended = [life.end(permit).permit for permit in map(unit.permits.pop, gone) if permit.is_open]
        unit.write(permits.update(ended, unit.today), plates.delete(gone), permits.anonymise(gone))
        unit.tell(EventType.PERMIT_ANONYMISED, gone)
    return len(gone)


def _delete_contact(unit: UnitOfWork, before: datetime) -> int:
    reminders = None if unit.permits else run(unit.db, residents.delete_contact(unit.resident.resident_id, before))
    if reminders is None:
        return 0
    unit.remind_by(reminders)
    unit.tell(EventType.CONTACT_UPDATED)
    return 1
