"""The hub's own small tasks: a ping, and the record of messages refused at the gate."""

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


@shared_task(name="hub.ping", send_events=False, ignore_result=False)  # type: ignore[untyped-decorator]
def ping() -> str:
    """Answer, to show that a worker takes messages from this queue and its pool runs them."""
    return "pong"


@shared_task(name="hub.record_refusal")  # type: ignore[untyped-decorator]
def record_refusal(
    code: Code, field: Part | None, queue: QueueName, task_id: TaskId | None, kind: Kind | None, size: Size,
    digest: Digest,
) -> None:  # fmt: skip
    """Record a message that was refused at the gate, then answer its sender with a receipt."""
    refusal, job_id = RefusalCode(code), UUID(task_id) if task_id else None
    try:
        record_message(hub(), code=refusal, field=field, queue=queue, task_id=job_id, kind=kind, size=size)
    except Exception as error:  # the refusal's log line is then its only record; the sender is answered anyway
        log.error("message.refusal_not_recorded", digest=digest, error=describe(error))
    if job_id is not None:
        receipt = Receipt(job_id=job_id, kind=kind or UNKNOWN_KIND, outcome=Outcome.REFUSED, code=refusal, field=field)
        current_app.backend.store_result(task_id, receipt.model_dump(mode="json", exclude_none=True), states.SUCCESS)
