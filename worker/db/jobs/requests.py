"""Requests under review, for the agents who decide on them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Connection, bindparam, select, text

from worker.db import tables
from worker.db.jobs.permits import COLUMNS, NAMED, SOURCE, read
from worker.domain.permit import Permit, Status

# A request has had one plate, since it was made.
_REQUEST = f"""
    SELECT {COLUMNS}, first.assigned_at FROM {SOURCE} JOIN LATERAL (
        SELECT min(assigned_at) AS assigned_at FROM plate_assignments WHERE permit_id = p.permit_id
    ) first ON true
    WHERE p.status = 'submitted'
"""
_PERMITS = tables.permits
_NAMED_REQUEST = (*NAMED, tables.plate_assignments.c.assigned_at)
_LIST = text(f"{_REQUEST} ORDER BY p.requested_on, first.assigned_at LIMIT :limit").columns(*_NAMED_REQUEST)
_ONE = text(f"{_REQUEST} AND p.permit_id = :permit_id").columns(*_NAMED_REQUEST)
_COUNT = text("SELECT count(*) FROM permits WHERE status = 'submitted'").columns(count=BigInteger)
_NAMED = (
    select(_PERMITS.c.permit_id, _PERMITS.c.status)
    .where(_PERMITS.c.permit_id.between(bindparam("first"), bindparam("last")))
    .order_by(_PERMITS.c.permit_id)
    .limit(2)
)


@dataclass(frozen=True, slots=True)
class Request:
    """A permit under review, and when it was asked for."""

    permit: Permit
    asked_at: datetime


def under_review(db: Connection, limit: int) -> list[Request]:
    """Return requests under review, the oldest first."""
    return [Request(read(row), row.assigned_at) for row in db.execute(_LIST, {"limit": limit})]


def count(db: Connection) -> int:
    """Count the requests under review."""
    number: int = db.execute(_COUNT).scalar_one()
    return number


def find(db: Connection, permit_id: UUID) -> Request | None:
    """Return one request under review."""
    row = db.execute(_ONE, {"permit_id": permit_id}).one_or_none()
    return None if row is None else Request(read(row), row.assigned_at)


def named(db: Connection, first: UUID, last: UUID) -> list[tuple[UUID, Status]]:
    """Return at most two permits of any status whose ids lie between these two, both included."""
    return [(row.permit_id, Status(row.status)) for row in db.execute(_NAMED, {"first": first, "last": last})]
