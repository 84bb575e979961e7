"""The wake-up of a provider's lane. It sends no events: what an operator watches is the jobs, and `status`."""

import structlog
from celery import shared_task

from integrations.settings import SettingError
from worker.services.drain import Drain
from worker.tasks.process import hub, lane, run

log = structlog.get_logger()


@shared_task(name="deliver.drain", send_events=False)  # type: ignore[untyped-decorator]
def drain(provider: str) -> None:
    """Empty one provider's due shares for a few seconds, then go on in a new task if there is more."""
    try:
        way = lane(provider)
    except SettingError as error:  # its worker said so when it started; the shares wait
        hub().live.end_kick(provider)
        log.warning("provider.unconfigured", provider=provider, problem=str(error))
        return
    if run(Drain(way, hub().today).run()):
        hub().kick([provider])
