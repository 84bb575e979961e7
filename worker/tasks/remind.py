"""The wake-up of a channel to residents."""

from functools import cache

import structlog
from celery import current_app, shared_task

from integrations.channels import registry
from integrations.settings import SettingError
from worker.limiter import Limiter
from worker.services.sending import Sender, note_channel
from worker.settings import settings
from worker.tasks.process import hub, run

SEND = "remind.send"

log = structlog.get_logger()


@shared_task(name=SEND, send_events=False)  # type: ignore[untyped-decorator]
def send(channel: str) -> None:
    """Send what is due through one channel for a few seconds, then go on in a new task if there is more."""
    try:
        sender = _sender(channel)
    except SettingError as error:  # the reminders wait; a file that was missing may be there the next time
        log.warning("channel.unconfigured", channel=channel, problem=str(error))
        note_channel(hub(), channel, str(error))
        return
    if run(sender.run(hub().today())):
        current_app.send_task(SEND, args=[channel], retry=False)


@cache
def _sender(name: str) -> Sender:
    configured = settings()
    channel = registry.channel(name)
    return Sender(hub(), channel, Limiter(configured.redis_url, configured.redis_prefix, name, channel.limits))
