"""The wake-up of a provider's lane. It sends no events: what an operator watches is the jobs, and `status`."""

from celery import shared_task

from worker.services.drain import Drain
from worker.tasks.process import adapter, hub, run


@shared_task(name="deliver.drain", send_events=False)  # type: ignore[untyped-decorator]
def drain(provider: str) -> None:
    """Empty one provider's due shares for a few seconds, then go on in a new task if there is more."""
    if run(Drain(hub(), adapter(provider), hub().today).run()):
        hub().kick([provider])
