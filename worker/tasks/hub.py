"""The hub's own small tasks: a sign of life, and the record of what was refused at the gate."""

from typing import Protocol
from uuid import UUID

import structlog
from celery import current_app, shared_task, states

from schemas.receipts import Outcome, Receipt, RefusalCode
from worker.services.jobs.refusals import record_message
from worker.tasks.broker.arguments import Code, Digest, Kind, Part, QueueName, Size, TaskId
from worker.tasks.process.redaction import describe
from worker.tasks.process.resources import hub

UNKNOWN_KIND = "unknown"

log = structlog.get_logger()


class Recorder(Protocol):
    """Writes a refused message to the database; raising is allowed, and logged."""

    def __call__(
        self, *, code: RefusalCode, field: str | None, queue: str, task_id: str | None, kind: str | None, size: int,
        digest: str,
    ) -> None: ...  # fmt: skip


def _in_database(
    *, code: RefusalCode, field: str | None, queue: str, task_id: str | None, kind: str | None, size: int, digest: str
) -> None:
    del digest  # for the log: it finds the sender's copy again
    record_message(
        hub(), code=code, field=field, queue=queue, task_id=UUID(task_id) if task_id else None, kind=kind, size=size
    )


_recorders: list[Recorder] = [_in_database]


def record_with(recorder: Recorder) -> None:
    """Have refused messages recorded by this instead."""
    _recorders[:] = [recorder]


@shared_task(name="hub.ping", send_events=False, ignore_result=False)  # type: ignore[untyped-decorator]
def ping() -> str:
    """Answer: a worker takes messages from the queue that this was sent to, and its pool runs them."""
    return "pong"


@shared_task(name="hub.record_refusal")  # type: ignore[untyped-decorator]
def record_refusal(
    code: Code, field: Part | None, queue: QueueName, task_id: TaskId | None, kind: Kind | None, size: Size,
    digest: Digest,
) -> None:  # fmt: skip
    """Record a message that was refused at the gate, then answer its sender with a receipt."""
    refusal = RefusalCode(code)
    for recorder in _recorders:
        try:
            recorder(code=refusal, field=field, queue=queue, task_id=task_id, kind=kind, size=size, digest=digest)
        except Exception as error:  # the log line of the refusal is then its only record; the sender is answered anyway
            log.error("message.refusal_not_recorded", digest=digest, error=describe(error))
    if task_id is not None:
        receipt = Receipt(
            job_id=UUID(task_id), kind=kind or UNKNOWN_KIND, outcome=Outcome.REFUSED, code=refusal, field=field
        )
        current_app.backend.store_result(task_id, receipt.model_dump(mode="json", exclude_none=True), states.SUCCESS)
