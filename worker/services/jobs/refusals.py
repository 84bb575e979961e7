"""Jobs and messages that cannot be applied: recorded with a code, answered, never retried."""

from uuid import UUID

import structlog
from sqlalchemy import Connection

from schemas.receipts import Outcome, Receipt, RefusalCode
from worker.db.clock import leftovers
from worker.db.engine import transact
from worker.db.jobs import jobs as job_rows
from worker.db.jobs.jobs import KnownJob
from worker.db.trip import run
from worker.hub import Hub

GUESSES = frozenset({RefusalCode.UNKNOWN_REMINDER})
"""Refusals that a guess causes. They are not recorded; the same job is refused each time."""

log = structlog.get_logger()


def record_refusal(
    hub: Hub, receipt: Receipt, digest: bytes, source: str | None, resident_id: str | None
) -> KnownJob | None:
    """Record a refused job under its id, unless it is a guess; return the job that already has this id, if any."""

    def record(db: Connection) -> KnownJob | None:
        recorded = receipt.code not in GUESSES
        job = job_rows.insert(receipt, digest=digest, source=source, resident_id=resident_id)
        if recorded and run(db, job):
            if receipt.code is RefusalCode.RESIDENT_ERASED:  # Redis still has what the job said
                run(db, leftovers.note(resident_id))
            return None
        return job_rows.find(db, receipt.job_id)

    known = transact(hub.engine, record)
    if known is None:
        _log(receipt)
    return known


def refuse_reused(hub: Hub, receipt: Receipt) -> Receipt:
    """Refuse a job whose id belongs to another job; the first receipt stands."""
    refused = Receipt(
        job_id=receipt.job_id,
        kind=receipt.kind,
        outcome=Outcome.REFUSED,
        code=RefusalCode.JOB_ID_REUSED,
        field="job_id",
    )
    return refuse_message(hub, refused)


def refuse_message(hub: Hub, receipt: Receipt, *, task_id: UUID | None = None, size: int | None = None) -> Receipt:
    """Record a message that has no job id of its own; `size` is in bytes."""
    record_message(
        hub,
        code=receipt.code or RefusalCode.MALFORMED_MESSAGE,
        field=receipt.field,
        kind=receipt.kind,
        job_id=receipt.job_id,
        task_id=task_id,
        size=size,
    )
    _log(receipt)
    return receipt


def record_message(
    hub: Hub,
    *,
    code: RefusalCode,
    field: str | None,
    kind: str | None,
    job_id: UUID | None = None,
    task_id: UUID | None = None,
    queue: str | None = None,
    size: int | None = None,
) -> None:
    """Record a refused message, whether or not a task received it; `size` is in bytes."""
    transact(
        hub.engine,
        lambda db: job_rows.refuse_message(
            db, code=code.value, field=field, kind=kind, job_id=job_id, task_id=task_id, queue=queue, size=size
        ),
    )


def _log(receipt: Receipt) -> None:
    log.info(
        "job.refused",
        kind=receipt.kind,
        job=str(receipt.job_id),
        code=receipt.code and receipt.code.value,
        field=receipt.field,
    )
