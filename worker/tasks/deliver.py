"""The wake-up of a provider's lane. It sends no events: operators watch the jobs, and `status`."""

from functools import cache

import structlog
from celery import shared_task

from integrations.settings import SettingError
from worker.services.sharing.drain import Drain
from worker.services.sharing.lane import note_configuration
from worker.services.sharing.urgent import UrgentDrain
from worker.tasks.broker.arguments import Provider
from worker.tasks.process.resources import hub, lane, run, urgent_lanes

log = structlog.get_logger()


@shared_task(name="deliver.drain", send_events=False)  # type: ignore[untyped-decorator]
def drain(provider: Provider) -> None:
    """Send one provider's due shares for a few seconds, then continue in a new task if there is more."""
    try:
        provider_lane = lane(provider)
    except SettingError as error:  # the shares wait; a missing file may be there the next time
        hub().live.wake_ups.end(provider)
        _record_problem(provider, str(error))
        return
    _record_problem(provider, None)
    if run(Drain(provider_lane, hub().today).run()):
        hub().wake([provider])


@shared_task(name="deliver.urgent", send_events=False)  # type: ignore[untyped-decorator]
def urgent() -> None:
    """Send to all providers what residents decided on their data; the providers' own lanes do what is left."""
    lanes = urgent_lanes()
    left = run(UrgentDrain(hub(), lanes, hub().today).run())
    left |= hub().capabilities.keys() - lanes.keys()  # their own workers may have what is missing here
    if left:
        hub().wake(left)


@cache
def _record_problem(provider: str, problem: str | None) -> None:
    """Record the fault in a provider's settings, once in each process: the sweep wakes this task every few seconds."""
    if problem is not None:
        log.warning("provider.unconfigured", provider=provider, problem=problem)
    note_configuration(hub().engine, provider, problem)
