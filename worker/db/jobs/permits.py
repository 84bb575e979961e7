"""Permits with their terms and current plate: read as domain values, written as what changed."""

import json
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, bindparam, column, null, select, text

from schemas.verified import Verified
from worker.db import tables
from worker.db.arrays import among, names, recordset
from worker.db.trip import Rows, Statement, write
from worker.domain import pending as pending_rules
from worker.domain.permit import Address, Permit, Status, Term
from worker.domain.plates import Plate
from worker.domain.retention import last_known_day, over_on

_PERMITS = tables.permits
_WRITTEN = list(_PERMITS.c)
_CHANGED = [
    _PERMITS.c[name] for name in ("status", "ban_id", "address", "zones", "pending", "reason", "verified", "over_on")
]
_READ = [column for column in _PERMITS.c if column is not _PERMITS.c.over_on]
_PLATE = [tables.plate_assignments.c[name] for name in ("raw", "normalised", "country")]
_DAYS = ARRAY(tables.terms.c.first_day.type)
_OF_TERMS = "ARRAY(SELECT t.{} FROM terms t WHERE t.permit_id = p.permit_id ORDER BY t.first_day)"

# A permit `p` with its current plate and its terms: the select list, its columns, and the FROM item.
COLUMNS = f"""
    {names(_READ, "p")}, {names(_PLATE, "a")},
    {_OF_TERMS.format("first_day")} AS first_days, {_OF_TERMS.format("last_day")} AS last_days
"""
NAMED = (*_READ, *_PLATE, column("first_days", _DAYS), column("last_days", _DAYS))
SOURCE = """
    permits p JOIN LATERAL (
        SELECT raw, normalised, country FROM plate_assignments
        WHERE permit_id = p.permit_id ORDER BY assigned_at DESC LIMIT 1
    ) a ON true
"""
_OF_RESIDENTS = text(f"""
    SELECT {COLUMNS} FROM {SOURCE} WHERE p.resident_id = ANY(:resident_ids) ORDER BY p.requested_on DESC, p.permit_id
""").columns(*NAMED)
_IDS_OF = select(_PERMITS.c.permit_id).where(_PERMITS.c.resident_id == bindparam("resident_id"))
_NEW = recordset("permits", "new", _WRITTEN)
_INSERT = text(f"""
    INSERT INTO permits ({names(_WRITTEN)}) SELECT {names(_WRITTEN)} FROM {_NEW}
    ON CONFLICT DO NOTHING RETURNING permit_id
""").columns(_PERMITS.c.permit_id)
_UPDATE = text(f"""
    UPDATE permits SET {", ".join(f"{column.name} = new.{column.name}" for column in _CHANGED)}
    FROM {_NEW} WHERE permits.permit_id = new.permit_id
""")
_NEW_TERM = (tables.terms.c.permit_id, tables.terms.c.first_day, tables.terms.c.last_day)
_INSERT_TERMS = text(f"""
    INSERT INTO terms (permit_id, first_day, last_day, end_applied)
    SELECT permit_id, first_day, last_day, last_day < :today FROM {recordset("terms", "t", _NEW_TERM)}
""")
_NOTHING_PERSONAL = {"ban_id": "", "address": "", "zones": []} | dict.fromkeys(
    ("pending", "reason", "verified", "over_on"), null()
)
_ERASE = _PERMITS.update().where(_PERMITS.c.resident_id == bindparam("of")).values(_NOTHING_PERSONAL)
_ANONYMISE = _PERMITS.update().where(among(_PERMITS.c.permit_id, "permit_ids")).values(_NOTHING_PERSONAL)
_DELETE = _PERMITS.delete().where(among(_PERMITS.c.permit_id, "permit_ids"))


def of_residents(resident_ids: Collection[str]) -> Statement[dict[str, list[Permit]]]:
    """Read residents' permits, the latest request first; erased ones are left out."""

    def read_all(rows: Rows) -> dict[str, list[Permit]]:
        permits: dict[str, list[Permit]] = {resident_id: [] for resident_id in resident_ids}
        for row in rows:
            permits[row.resident_id].append(read(row))
        return permits

    return Statement(_OF_RESIDENTS, {"resident_ids": list(resident_ids)}, read_all)


def ids_of(resident_id: str) -> Statement[list[UUID]]:
    """Return all permits of a resident, also erased ones."""
    return Statement(_IDS_OF, {"resident_id": resident_id}, lambda rows: [row.permit_id for row in rows])


def insert(permits: Iterable[Permit], today: date) -> Statement[set[UUID]]:
    """Insert permits without their terms; return those whose id was free."""
    rows = [_values(permit, last_known_day(permit, today)) for permit in permits]
    return Statement(_INSERT, {"permits": json.dumps(rows)}, lambda rows: {row.permit_id for row in rows})


def update(permits: Iterable[Permit], today: date) -> Statement[None]:
    """Update permits, without their terms."""
    return write(_UPDATE, {"permits": json.dumps([_values(permit, today) for permit in permits])})


def insert_terms(terms: Iterable[tuple[UUID, Term]], today: date) -> Statement[None]:
    """Insert terms; the end of those that are already over counts as applied."""
    rows = [
        {"permit_id": str(permit_id), "first_day": str(term.first_day), "last_day": str(term.last_day)}
        for permit_id, term in terms
    ]
    return write(_INSERT_TERMS, {"terms": json.dumps(rows), "today": today})


def delete(permit_ids: Iterable[UUID]) -> Statement[None]:
    """Delete permits that this transaction inserted."""
    return write(_DELETE, {"permit_ids": list(permit_ids)})


def erase(resident_id: str) -> Statement[None]:
    """Delete the personal data in a resident's permits; `plates.delete` deletes their plates."""
    return write(_ERASE, {"of": resident_id})


def anonymise(permit_ids: Iterable[UUID]) -> Statement[None]:
    """Delete the personal data in permits; `plates.delete` deletes their plates."""
    return write(_ANONYMISE, {"permit_ids": list(permit_ids)})


def read(row: Any) -> Permit:
    """Return the permit of a row with `COLUMNS`."""
    return Permit(
        permit_id=row.permit_id,
        resident_id=row.resident_id,
        status=Status(row.status),
        requested_on=row.requested_on,
        profile=row.profile,
        plate=Plate(row.raw, row.normalised, row.country),
        address=Address(row.ban_id, row.address),
        zones=tuple(row.zones),
        terms=tuple(map(Term, row.first_days, row.last_days)),
        pending=row.pending and pending_rules.from_json(row.pending),
        reason=row.reason,
        verified=row.verified and Verified.model_validate(row.verified),
    )


def _values(permit: Permit, closed_on: date) -> dict[str, object]:
    last = over_on(permit, closed_on)
    return {
        "over_on": last and str(last),
        "permit_id": str(permit.permit_id),
        "resident_id": permit.resident_id,
        "status": permit.status.value,
        "requested_on": str(permit.requested_on),
        "profile": permit.profile,
        "ban_id": permit.address.ban_id,
        "address": permit.address.label,
        "zones": permit.zones,
        "pending": permit.pending and pending_rules.as_json(permit.pending),
        "reason": permit.reason,
        "verified": permit.verified and permit.verified.model_dump(mode="json", exclude_none=True),
    }
