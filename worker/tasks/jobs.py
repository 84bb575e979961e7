"""One task for each kind of job, by its public name: job as JSON in, receipt as the result."""

import time
from typing import Any
from uuid import UUID

import structlog
from celery import shared_task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from kombu.exceptions import OperationalError

from schemas.jobs import KINDS, QUEUES
from worker.services.jobs.handle import HubUnavailableError, handle
from worker.services.jobs.journal import NotJournaledError
from worker.tasks.broker.arguments import Signature
from worker.tasks.process.resources import hub

log = structlog.get_logger()

BROKER_UNAVAILABLE = (OperationalError, OSError)
PAUSE_SECONDS = 1.0  # while the database is unavailable, each worker process tries once a second


def _handle(self: Any, raw: str, signature: Signature | None = None) -> dict[str, object]:
    """Handle one job; while the database or Redis is unavailable, put it back on its queue."""
    kind: str = self.name
    arguments = [raw] if signature is None else [raw, signature]
    try:
        receipt = handle(hub(), kind, raw, UUID(self.request.id), hub().today(), signature)
    except NotJournaledError:  # without a receipt: the sender asks again under the same id
        raise Ignore from None
    except (HubUnavailableError, SoftTimeLimitExceeded) as error:  # a database may also not answer at all
        log.warning("job.put_back", kind=kind, cause=str(error) or type(error).__name__)
        time.sleep(PAUSE_SECONDS)
        # A new message under the same id, then this one is acknowledged: no retry count, no ETA.
        try:
            self.apply_async(arguments, task_id=self.request.id, queue=QUEUES[kind].value)
        except BROKER_UNAVAILABLE:
            raise Reject(requeue=True) from None  # it stays unacknowledged, and is redelivered once Redis is back
        raise Ignore from None
    return receipt.model_dump(mode="json", exclude_none=True)


for _kind in KINDS:
    shared_task(name=_kind, bind=True, ignore_result=False)(_handle)
