"""Forget what is over for long enough, and delete the records that nobody needs any more.

What is due is found in the database, so days of downtime cost a delay. All of it goes in slices, each in a transaction
of its own, a slice of each kind in turn; permits go one resident at a time, so that no withdrawal waits for long.
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
from worker.domain import life
from worker.domain.retention import is_due, latest_due, may_be_held
from worker.hub import ENDED, Hub
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork

ROWS = 1_000  # of a ledger, deleted in one transaction at most
FORGOTTEN = 10  # permits, or residents' contacts
DISCLOSURES = 2_000  # looked through each time at most; a hub with ten million comes round within days
COPIES = "reconciled_copies"

_SLICES = {kind: Slices(ROWS) for kind in ("plates", COPIES, *Ledger)}
_OF_DISCLOSURES = Slices(DISCLOSURES)

log = structlog.get_logger()


def purge(hub: Hub, today: date, until: float = math.inf) -> None:
    """Delete and forget what is due by today, until a moment of the monotonic clock; a later purge goes on.

    Raises:
        worker.hub.ENDED: the database or Redis is unavailable, or the task's time is over.
    """
    kept = hub.settings
    jobs_before = _before(hub, today, kept.jobs_kept_months)
    slices = {
        "plates": _plates(hub, _before(hub, today, kept.permits_kept_months)),
        **{ledger.value: _ledger(hub, ledger, jobs_before) for ledger in Ledger},
        COPIES: _copies(hub),
        "disclosures": _disclosures(hub, _before(hub, today, kept.disclosures_kept_months)),
        "permits": _permits(hub, today),  # they take the longest
        "contacts": _contacts(hub, _before(hub, today, kept.permits_kept_months), today),  # of whom no permit is left
    }
    purged: Counter[str] = Counter()
    while slices and monotonic() < until:
        for kind in takewhile(lambda _: monotonic() < until, list(slices)):
            count = _next(kind, slices[kind])
            if count is None:
                del slices[kind]
            else:
                purged[kind] += count
    if purged.total():
        log.info("retention.purged", **purged)
    if purged["permits"] or purged["contacts"]:  # what their spaces and jobs said is in Redis' file
        transact(hub.engine, leftovers.note)


def _next(kind: str, slices: Iterator[int]) -> int | None:
    """Purge a slice of one kind; None where there are no more, or one that failed, which holds up no other kind."""
    try:
        return next(slices, None)
    except ENDED:
        raise
    except Exception as error:
        log.error("retention.failed", kind=kind, error=type(error).__name__)
        return None


def _before(hub: Hub, today: date, months: int) -> datetime:
    """Return the midnight before which everything is due."""
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
        due, place = transact(hub.engine, partial(retention.next_due, by=by, after=place, most=FORGOTTEN))
        if place is None:
            return
        yield sum(_forget(hub, one, today, partial(_anonymise_permits, by=by)) for one in due)


def _contacts(hub: Hub, before: datetime, today: date) -> Iterator[int]:
    while True:
        due, ended = transact(hub.engine, partial(retention.next_contacts, before=before, most=FORGOTTEN))
        yield sum(_forget(hub, one, today, partial(_forget_contact, before=before)) for one in due)
        if ended or not due:  # a look that finds nobody is enough until the next purge
            return


def _forget(hub: Hub, resident_id: str, today: date, act: Callable[[UnitOfWork], int]) -> int:
    """Forget something of one resident's, under their lock; return how much."""

    def anonymise(db: Connection) -> tuple[Publication, int] | None:
        locked = residents.lock(db, [resident_id])
        unit = UnitOfWork.start(hub, db, locked[resident_id], today)
        count = act(unit)
        return (unit.finish(), count) if count else None

    try:
        anonymised = transact(hub.engine, anonymise)
    except ENDED:
        raise
    except Exception as error:  # one resident's affairs must not keep all others' from being forgotten
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
    gone = sorted(one for one in due & unit.permits.keys() - held if is_due(unit.permits[one], by))
    if gone:
        ended = [life.end(one).permit for one in map(unit.permits.pop, gone) if one.is_open]
        permits.update(unit.db, ended, unit.today)
        plates.delete(unit.db, gone)
        permits.anonymise(unit.db, gone)
        unit.tell(EventType.PERMIT_ANONYMISED, gone)
    return len(gone)


def _forget_contact(unit: UnitOfWork, before: datetime) -> int:
    reminders = None if unit.permits else residents.delete_contact(unit.db, unit.resident.resident_id, before)
    if reminders is None:
        return 0
    unit.remind_by(reminders)
    unit.tell(EventType.CONTACT_UPDATED)
    return 1
