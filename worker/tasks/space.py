"""Documents on request: a personal space that Redis no longer has, a history, the catalogue, a plate as it is read."""

from typing import Any
from uuid import UUID

from celery import shared_task

from schemas.base import ResidentId
from worker.services.jobs.askers import refusal
from worker.services.publishing.history import put_catalogue, put_history
from worker.services.publishing.plates import put_plate
from worker.services.publishing.publish import republish
from worker.tasks.broker.arguments import Signature
from worker.tasks.process.resources import hub

Answer = dict[str, object] | None
"""The version of a document, null for an unknown resident, or the receipt of a refusal."""


def _refused(task: Any, resident_id: str, signature: str | None) -> Answer:
    refused = refusal(hub(), task.name, resident_id, UUID(task.request.id), signature)
    return None if refused is None else refused.model_dump(mode="json", exclude_none=True)


@shared_task(name="space.publish", bind=True, ignore_result=False)  # type: ignore[untyped-decorator]
def publish(self: Any, resident_id: ResidentId, signature: Signature | None = None) -> Answer:
    """Publish one resident's personal space again, for who may ask for it."""
    if (refused := _refused(self, resident_id, signature)) is not None:
        return refused
    shown = republish(hub(), [resident_id], hub().today())
    return {"version": shown[resident_id]} if resident_id in shown else None


@shared_task(name="space.history", bind=True, ignore_result=False)  # type: ignore[untyped-decorator]
def history(self: Any, resident_id: ResidentId, signature: Signature | None = None) -> Answer:
    """Put one resident's history under this task's id, for who may ask for it."""
    if (refused := _refused(self, resident_id, signature)) is not None:
        return refused
    version = put_history(hub(), resident_id, UUID(self.request.id), hub().today())
    return None if version is None else {"version": version}


@shared_task(name="space.plate", bind=True, ignore_result=False)  # type: ignore[untyped-decorator]
def plate(self: Any, typed: str) -> bool | None:
    """Put a plate as the hub reads it under this task's id; answer true, or null if a job with it would be refused."""
    return put_plate(hub(), typed, UUID(self.request.id)) or None


@shared_task(name="space.catalogue", ignore_result=False)  # type: ignore[untyped-decorator]
def catalogue() -> bool:
    """Put the catalogue where any web app can read it; answer true."""
    put_catalogue(hub())
    return True
