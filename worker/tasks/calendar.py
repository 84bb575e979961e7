"""What the clock starts."""

from celery import shared_task

from worker.services import sweep as service
from worker.tasks.process import hub


@shared_task(name="calendar.sweep", send_events=False)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Find what was left over."""
    service.sweep(hub(), hub().today())
