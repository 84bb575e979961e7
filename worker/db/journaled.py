"""What the journal and the database know of one another: decisions that only one of them has."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert

from worker.db import tables
from worker.db.arrays import among, unnested

_LEDGER = tables.consent_decisions
_WAITING = tables.unjournaled
_REPLAYED = tables.replayed
# An erasure is in the ledger too: it refuses consent to all providers. The ledger is for good, and read by its key.
_UNKNOWN = text(f"""
    SELECT asked.job_id FROM {unnested("asked", [_LEDGER.c.resident_id, _LEDGER.c.job_id])}
    WHERE NOT EXISTS (
        SELECT FROM consent_decisions d WHERE d.resident_id = asked.resident_id AND d.job_id = asked.job_id
            AND (CAST(:lost_since AS timestamptz) IS NULL OR d.recorded_at < :lost_since)
    ) AND NOT EXISTS (SELECT FROM replayed r WHERE r.job_id = asked.job_id)
""").columns(_LEDGER.c.job_id)
_NOTE_REPLAYED = insert(_REPLAYED).values(job_id=bindparam("job_id")).on_conflict_do_nothing()
_NOTE = insert(_WAITING).values({name: bindparam(name) for name in ("job_id", "kind", "job")}).on_conflict_do_nothing()
_WAITING_LONGEST = select(*_WAITING.c["job_id", "kind", "job"]).order_by(_WAITING.c.noted_at).limit(bindparam("limit"))
_DELETE = _WAITING.delete().where(among(_WAITING.c.job_id, "job_ids"))
_COUNT = select(func.count()).select_from(_WAITING)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A decision that is carried out, and that no journal has yet."""

    job_id: UUID
    kind: str
    job: str


def unknown(
    db: Connection, decisions: Collection[tuple[str, UUID]], *, lost_since: datetime | None = None
) -> set[UUID]:
    """Return the jobs, of these residents' decisions, that the database does not know and no replay dealt with.

    What it has since `lost_since` does not count as known: it may have been sent again since a restore.
    """
    asked = {"resident_id": [name for name, _ in decisions], "job_id": [job_id for _, job_id in decisions]}
    values = asked | {"lost_since": lost_since}
    return set(db.execute(_UNKNOWN, values).scalars())


def note_replayed(db: Connection, job_id: UUID) -> None:
    """Note that a replay dealt with a decision."""
    db.execute(_NOTE_REPLAYED, {"job_id": job_id})


def note(db: Connection, waiting: Waiting) -> None:
    """Note a decision that the journal could not take."""
    db.execute(_NOTE, {"job_id": waiting.job_id, "kind": waiting.kind, "job": waiting.job})


def waiting(db: Connection, limit: int) -> list[Waiting]:
    """Return the decisions that wait longest for a journal."""
    return [Waiting(*row) for row in db.execute(_WAITING_LONGEST, {"limit": limit})]


def delete(db: Connection, job_ids: Collection[UUID]) -> None:
    """Note that a journal has these decisions."""
    db.execute(_DELETE, {"job_ids": list(job_ids)})


def count(db: Connection) -> int:
    """Return how many decisions wait for a journal."""
    found: int = db.execute(_COUNT).scalar_one()
    return found
