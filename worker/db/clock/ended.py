"""Ended terms and late payments that the hub has not acted on yet."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, bindparam, text

from worker.db import tables
from worker.db.arrays import among

# Terms that ended, and payments that are late, before a day; each is one index range.
ENDED_TERMS = "terms t JOIN permits p USING (permit_id) WHERE NOT t.end_applied AND t.last_day < :by"
UNPAID = """
    permits p WHERE p.pending ->> 'pay_by' IS NOT NULL AND p.pending ->> 'pay_by' < CAST(CAST(:by AS date) AS text)
"""
_PERMITS = tables.permits
_TERMS = tables.terms
# After days of downtime the earliest day comes first.
_DUE = text(f"""
    SELECT resident_id FROM (
        (SELECT p.resident_id, CAST(t.last_day AS text) AS day FROM {ENDED_TERMS} ORDER BY t.last_day LIMIT :limit)
        UNION ALL
        (SELECT p.resident_id, p.pending ->> 'pay_by' FROM {UNPAID} ORDER BY p.pending ->> 'pay_by' LIMIT :limit)
    ) due GROUP BY resident_id ORDER BY min(day), resident_id LIMIT :limit
""").columns(_PERMITS.c.resident_id)
_MARK_APPLIED = (
    _TERMS.update()
    .where(_PERMITS.c.permit_id == _TERMS.c.permit_id, among(_PERMITS.c.resident_id, "resident_ids"))
    .where(~_TERMS.c.end_applied, _TERMS.c.last_day < bindparam("today"))
    .values(end_applied=True)
    .returning(_TERMS.c.permit_id)
)


def due_residents(db: Connection, today: date, limit: int) -> list[str]:
    """Return residents with an ended term or a late payment, the earliest day first."""
    return list(db.execute(_DUE, {"by": today, "limit": limit}).scalars())


def mark_applied(db: Connection, resident_ids: Collection[str], today: date) -> set[UUID]:
    """Mark the end of residents' past terms as applied; return the permits for which that is new."""
    return set(db.execute(_MARK_APPLIED, {"resident_ids": list(resident_ids), "today": today}).scalars())
