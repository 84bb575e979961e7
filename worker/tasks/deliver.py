"""The wake-up of a provider's lane. It sends no events: what an operator watches is the jobs, and `status`."""

from functools import cache

import structlog
from celery import shared_task

from integrations.settings import SettingError
from worker.services.sharing.drain import Drain
from worker.services.sharing.lane import note_configuration
from worker.tasks.broker.arguments import Provider
from worker.tasks.process.resources import hub, lane, run

log = structlog.get_logger()


@shared_task(name="deliver.drain", send_events=False)  # type: ignore[untyped-decorator]
def drain(provider: Provider) -> None:
    """Empty one provider's due shares for a few seconds, then go on in a new task if there is more."""
    try:
        way = lane(provider)
    except SettingError as error:  # the shares wait; a file that was missing may be there the next time
        hub().live.wake_ups.end(provider)
        _note(provider, str(error))
        return
    _note(provider, None)
    if run(Drain(way, hub().today).run()):
        hub().wake([provider])


@cache
def _note(provider: str, problem: str | None) -> None:
    """Note what is wrong with a provider's settings, once in each process: the sweep comes by every few seconds."""
    if problem is not None:
        log.warning("provider.unconfigured", provider=provider, problem=problem)
    note_configuration(hub().engine, provider, problem)
