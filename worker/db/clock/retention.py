"""Data kept long enough: found by indexes, and deleted a bounded number of rows at a time.

Workers may not delete from the ledgers: functions of the owner do, and refuse a moment that is too recent.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Connection, Integer, Uuid, bindparam, column, select, text
from sqlalchemy.dialects.postgresql import insert

from worker.db import tables

EXAMINED_ROWS = 2_000  # by one statement, at most

_REPLACED_PLATES = text("""
    DELETE FROM plate_assignments a USING (
        SELECT permit_id, assigned_at FROM plate_assignments WHERE replaced_at < :before
        ORDER BY replaced_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) old WHERE a.permit_id = old.permit_id AND a.assigned_at = old.assigned_at
""")
_PERMITS = tables.permits
_WALKS = tables.walks
# As a scalar subquery it is looked up by the index for each row: a join may read the whole table.
MAY_BE_HELD = """
    (SELECT true FROM shares s WHERE s.permit_id = p.permit_id
        AND (s.holds IS NOT FALSE OR s.confirmed_version < s.wanted_version) LIMIT 1) IS NOT NULL
"""
_NEXT = text(f"""
    WITH looked AS MATERIALIZED (
        SELECT permit_id, resident_id, over_on, pending ->> 'pay_by' AS pay_by FROM permits
        WHERE over_on <= :by AND (over_on, permit_id) > (:over_on, :permit_id) ORDER BY over_on, permit_id LIMIT :looked
    ), due AS (
        SELECT permit_id, resident_id, over_on FROM looked p WHERE pay_by IS NULL AND NOT {MAY_BE_HELD}
        ORDER BY over_on, permit_id LIMIT :most
    )
    (SELECT permit_id, resident_id, over_on FROM due ORDER BY over_on, permit_id)
    UNION ALL (SELECT permit_id, NULL, over_on FROM looked ORDER BY over_on DESC, permit_id DESC LIMIT 1)
""").columns(*_PERMITS.c["permit_id", "resident_id", "over_on"])
_DUE = select(_PERMITS.c.permit_id).where(
    _PERMITS.c.resident_id == bindparam("resident_id"),
    _PERMITS.c.over_on <= bindparam("by"),
    _PERMITS.c.pending["pay_by"].astext.is_(None),
)
# A permit that is not anonymised has a plate; both are looked up as above.
_NEXT_CONTACTS = text("""
    WITH looked AS MATERIALIZED (
        SELECT contact_at, resident_id FROM residents
        WHERE contact_at < :before AND (contact_at, resident_id) > (CAST(:contact_at AS timestamptz), :resident_id)
        ORDER BY contact_at, resident_id LIMIT :looked
    ), due AS (
        SELECT contact_at, resident_id FROM looked r WHERE (
            SELECT true FROM permits p WHERE p.resident_id = r.resident_id
                AND (SELECT true FROM plate_assignments a WHERE a.permit_id = p.permit_id LIMIT 1) LIMIT 1
        ) IS NULL
        ORDER BY contact_at, resident_id LIMIT :most
    )
    (SELECT contact_at, resident_id, CAST(NULL AS bigint) AS looked FROM due ORDER BY contact_at, resident_id)
    UNION ALL (
        SELECT contact_at, resident_id, count(*) OVER () FROM looked ORDER BY contact_at DESC, resident_id DESC LIMIT 1)
""").columns(*tables.residents.c["contact_at", "resident_id"], column("looked", BigInteger))
_POSITION = select(_WALKS.c.position).where(_WALKS.c.walk == bindparam("walk")).with_for_update()
_NEW_POSITION = insert(_WALKS).values(walk=bindparam("walk"), position=bindparam("position"))
_LOOK_ON = _NEW_POSITION.on_conflict_do_update(
    index_elements=[_WALKS.c.walk], set_={"position": _NEW_POSITION.excluded.position}
)
# The owner's function of migration 0006 follows this rule:
# - A disclosure from before `:before` is deleted if the request surely never left,
# - or if it is no later than the last removal that ended all holding and was confirmed before `:before`. Such a removal
#   left after all earlier puts were settled, and no put left between it and its confirmation. So nothing up to it bears
#   on what is held now.
# - All others stay: they say since when a copy is held. A permit's latest disclosure to a provider stays, too.
# - A request of unclear outcome may be applied for `:settle` after its last outcome, and is settled then.
_PURGE_DISCLOSURES = text(
    "SELECT reached, purged FROM purge_disclosures(:before, :settle, CAST(:after AS uuid), :most)"
).columns(column("reached", Uuid), column("purged", Integer))


class _Walk(StrEnum):
    """What purges look through bit by bit."""

    DISCLOSURES = "disclosures"
    CONTACTS = "contacts"


class Ledger(StrEnum):
    """The ledgers whose rows are purged by age alone."""

    JOBS = "jobs"
    REFUSED_MESSAGES = "refused_messages"
    REMINDERS = "reminders"


_PURGE = {ledger: text(f"SELECT purge_{ledger}(:before, :most) AS purged").columns(purged=Integer) for ledger in Ledger}


class Place(NamedTuple):
    """How far the permits that are over were looked through."""

    over_on: date
    permit_id: UUID


_START = Place(date.min, UUID(int=0))  # sorts before every permit


def delete_replaced_plates(db: Connection, before: datetime, most: int) -> int:
    """Delete plates that were replaced before a moment, the earliest first; return how many."""
    return db.execute(_REPLACED_PLATES, {"before": before, "most": most}).rowcount


def next_due(db: Connection, by: date, after: Place | None, most: int) -> tuple[Sequence[str], Place | None]:
    """Look for residents of permits that were over by a day and that no provider may hold.

    Returns the residents, and how far it looked; None at the end.
    """
    given = {"by": by, "looked": EXAMINED_ROWS, "most": most} | (after or _START)._asdict()
    rows = db.execute(_NEXT, given).all()
    if not rows:
        return [], None
    *due, last = rows
    if len(due) == most:
        last = due[-1]
    return list(dict.fromkeys(row.resident_id for row in due)), Place(last.over_on, last.permit_id)


def due_of(db: Connection, resident_id: str, by: date) -> set[UUID]:
    """Return a resident's permits that were over by a day."""
    return set(db.execute(_DUE, {"resident_id": resident_id, "by": by}).scalars())


def purge(db: Connection, ledger: Ledger, before: datetime, most: int) -> int:
    """Delete a ledger's oldest rows from before a moment; return how many.

    Reminders must be settled, or due, before it, and their day must lie further back.
    """
    purged: int = db.execute(_PURGE[ledger], {"before": before, "most": most}).scalar_one()
    return purged


def purge_disclosures(db: Connection, before: datetime, settle: timedelta, most: int) -> int:
    """Look through the next disclosures, from the start again after the end; return how many were deleted.

    `_PURGE_DISCLOSURES` has the rule.
    """
    after = _place(db, _Walk.DISCLOSURES) or str(_START.permit_id)
    given = {"before": before, "settle": settle, "after": after, "most": most}
    reached, purged = db.execute(_PURGE_DISCLOSURES, given).one()
    _look_on(db, _Walk.DISCLOSURES, reached and str(reached))
    return int(purged)


def next_contacts(db: Connection, before: datetime, most: int) -> tuple[Sequence[str], bool]:
    """Look for residents with no remaining permit whose contact was last updated before a moment.

    Continues where the last look stopped. Returns the residents, and whether it reached the end and starts again.
    """
    contact_at, resident_id = json.loads(_place(db, _Walk.CONTACTS) or '["-infinity", ""]')
    given = {
        "before": before,
        "contact_at": contact_at,
        "resident_id": resident_id,
        "looked": EXAMINED_ROWS,
        "most": most,
    }
    rows = db.execute(_NEXT_CONTACTS, given).all()
    due = rows[:-1]
    stop = due[-1] if len(due) == most else rows[-1] if rows and rows[-1].looked == EXAMINED_ROWS else None
    _look_on(db, _Walk.CONTACTS, json.dumps([stop.contact_at.isoformat(), stop.resident_id]) if stop else None)
    return [row.resident_id for row in due], stop is None


def _place(db: Connection, walk: _Walk) -> str | None:
    place: str | None = db.execute(_POSITION, {"walk": walk.value}).scalar()
    return place


def _look_on(db: Connection, walk: _Walk, place: str | None) -> None:
    db.execute(_LOOK_ON, {"walk": walk.value, "position": place})
