"""Reconciliation, slice by slice. Lanes have other workers, so a withdrawal never waits for a page."""

import structlog
from celery import current_app, shared_task

from integrations.settings import SettingError
from worker.services.sharing import reconcile as service
from worker.tasks.broker.arguments import Provider
from worker.tasks.process.resources import hub, lane, run

log = structlog.get_logger()

RUN = "reconcile.run"


@shared_task(name=RUN, send_events=False)  # type: ignore[untyped-decorator]
def reconcile(provider: Provider) -> None:
    """Continue a provider's reconciliation for a few seconds, then in a new task if there is more."""
    try:
        provider_lane = lane(provider)
    except SettingError as error:
        log.warning("provider.unconfigured", provider=provider, problem=str(error))
        service.give_up(hub(), provider, service.UNCONFIGURED)
        return
    if run(service.reconcile(provider_lane)):
        current_app.send_task(RUN, args=[provider], retry=False)  # if it is lost, the sweep sends it again
