"""Who may ask for a document about a resident: a source that proves to be one, and may speak for them."""

from datetime import UTC, datetime
from uuid import UUID

from schemas.receipts import Outcome, Receipt
from worker.domain.refusal import JobRefusedError
from worker.hub import Hub
from worker.services.jobs.refusals import refuse_message


def refusal(hub: Hub, task: str, resident_id: str, task_id: UUID, signature: str | None) -> Receipt | None:
    """Return the recorded refusal of a request for a document, or None if it may be made.

    A hub that knows no sources makes it for everybody.
    """
    if hub.sources is None:
        return None
    try:
        hub.sources.signer(task, task_id, resident_id, signature, datetime.now(UTC)).check_resident(resident_id)
    except JobRefusedError as refused:
        receipt = Receipt(job_id=task_id, kind=task, outcome=Outcome.REFUSED, code=refused.code, field=refused.field)
        return refuse_message(hub, receipt, task_id=task_id, size=len(resident_id))
    return None
