"""Jobs and their receipts, written in the transaction of their changes."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Text, bindparam, cast, select
from sqlalchemy.dialects import postgresql

from schemas.receipts import Receipt
from worker.db import tables
from worker.db.trip import Statement

_JOBS = tables.jobs
_MESSAGES = tables.refused_messages
_FIND = select(_JOBS.c.digest, cast(_JOBS.c.receipt, Text).label("receipt")).where(
    _JOBS.c.job_id == bindparam("job_id")
)
_WRITTEN = ("job_id", "kind", "source", "resident_id", "outcome", "code", "digest")
_INSERT = (
    postgresql.insert(_JOBS)
    .values({name: bindparam(name) for name in _WRITTEN})
    .values(receipt=cast(bindparam("receipt", type_=Text), _JOBS.c.receipt.type))
    .on_conflict_do_nothing()
    .returning(_JOBS.c.job_id)
)
_REFUSED = ("task_id", "job_id", "kind", "queue", "code", "field", "size")
_REFUSE_MESSAGE = _MESSAGES.insert().inline().values({name: bindparam(name) for name in _REFUSED})


UNKNOWN_DIGEST = b""
"""Of a job whose key is gone: nothing can be compared with it, so whoever sends its id again gets its receipt."""


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that has its receipt."""

    digest: bytes
    receipt: Receipt


def find(db: Connection, job_id: UUID) -> KnownJob | None:
    """Return the recorded job with this id, or None."""
    row = db.execute(_FIND, {"job_id": job_id}).one_or_none()
    return None if row is None else KnownJob(row.digest, Receipt.model_validate_json(row.receipt))


def insert(receipt: Receipt, *, digest: bytes, source: str | None, resident_id: str | None) -> Statement[bool]:
    """Record a job with its receipt; return whether its id was free."""
    return Statement(
        _INSERT,
        {
            "job_id": receipt.job_id,
            "kind": receipt.kind,
            "source": source,
            "resident_id": resident_id,
            "outcome": receipt.outcome.value,
            "code": receipt.code and receipt.code.value,
            "digest": digest,
            "receipt": receipt.model_dump_json(),
        },
        bool,
    )


def refuse_message(
    db: Connection,
    *,
    code: str,
    size: int | None = None,
    field: str | None = None,
    job_id: UUID | None = None,
    task_id: UUID | None = None,
    kind: str | None = None,
    queue: str | None = None,
) -> None:
    """Record a message that is no valid job, or that reuses another job's id; `size` is in bytes."""
    db.execute(
        _REFUSE_MESSAGE,
        {
            "task_id": task_id,
            "job_id": job_id,
            "kind": kind,
            "queue": queue,
            "code": code,
            "field": field,
            "size": size,
        },
    )
