"""What a reader asks for when Redis no longer has a personal space."""

from celery import shared_task

from worker.services.publish import republish
from worker.tasks.process import hub


@shared_task(name="space.publish", ignore_result=False)  # type: ignore[untyped-decorator]
def publish(resident_id: str) -> dict[str, int] | None:
    """Publish one resident's personal space anew; answer its version, or null when the resident is not known."""
    shown = republish(hub(), [resident_id], hub().today())
    return {"version": shown[resident_id]} if resident_id in shown else None
