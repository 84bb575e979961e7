"""Jobs and what became of them, written together with what they led to."""

import json
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from schemas.receipts import Receipt

_FIND = text("SELECT digest, receipt FROM jobs WHERE job_id = :job_id")
_INSERT = text("""
    INSERT INTO jobs (job_id, kind, source, resident_id, outcome, code, digest, receipt)
    VALUES (:job_id, :kind, :source, :resident_id, :outcome, :code, :digest, CAST(:receipt AS jsonb))
    ON CONFLICT DO NOTHING RETURNING job_id
""")
_REFUSE_MESSAGE = text("""
    INSERT INTO refused_messages (task_id, job_id, kind, queue, code, field, size)
    VALUES (:task_id, :job_id, :kind, :queue, :code, :field, :size)
""")


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that has its receipt."""

    digest: bytes
    receipt: Receipt


def find(db: Connection, job_id: UUID) -> KnownJob | None:
    """Return a job that is recorded already; None where there is none of this id."""
    row = db.execute(_FIND, {"job_id": job_id}).one_or_none()
    return None if row is None else KnownJob(row.digest, Receipt.model_validate_json(json.dumps(row.receipt)))


def insert(db: Connection, receipt: Receipt, *, digest: bytes, source: str | None, resident_id: str | None) -> bool:
    """Record a job with its receipt; return False when the id was taken meanwhile."""
    inserted = db.execute(
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
    )
    return inserted.one_or_none() is not None


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
    """Record a message that is no job, or that names another job's id; `size` is in bytes."""
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
