"""Requests and changes under review, for the agents who decide on them."""

from uuid import UUID

from sqlalchemy import BigInteger, Connection, bindparam, select, text

from worker.db import tables
from worker.db.jobs.permits import COLUMNS, NAMED, SOURCE, read
from worker.domain.permit import Permit, Status

_SINCE = "p.pending -> 'review' ->> 'since'"
_REVIEWED = f"SELECT {COLUMNS} FROM {SOURCE} WHERE {_SINCE} IS NOT NULL"
_PERMITS = tables.permits
_LIST = text(f"{_REVIEWED} ORDER BY {_SINCE}, p.permit_id LIMIT :limit").columns(*NAMED)
_ONE = text(f"{_REVIEWED} AND p.permit_id = :permit_id").columns(*NAMED)
_COUNT = text(f"SELECT count(*) FROM permits p WHERE {_SINCE} IS NOT NULL").columns(count=BigInteger)
_NAMED = (
    select(_PERMITS.c.permit_id, _PERMITS.c.status)
    .where(_PERMITS.c.permit_id.between(bindparam("first"), bindparam("last")))
    .order_by(_PERMITS.c.permit_id)
    .limit(2)
)


def under_review(db: Connection, limit: int) -> list[Permit]:
    """Return permits whose request, or a change of theirs, is under review, the longest first."""
    return [read(row) for row in db.execute(_LIST, {"limit": limit})]


def count(db: Connection) -> int:
    """Count those under review."""
    number: int = db.execute(_COUNT).scalar_one()
    return number


def find(db: Connection, permit_id: UUID) -> Permit | None:
    """Return a permit if it, or a change of it, is under review."""
    row = db.execute(_ONE, {"permit_id": permit_id}).one_or_none()
    return None if row is None else read(row)


def named(db: Connection, first: UUID, last: UUID) -> list[tuple[UUID, Status]]:
    """Return at most two permits of any status whose ids lie between these two, both included."""
    return [(row.permit_id, Status(row.status)) for row in db.execute(_NAMED, {"first": first, "last": last})]
