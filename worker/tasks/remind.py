"""The wake-up of a reminder channel."""

from functools import cache

import structlog
from celery import current_app, shared_task
from kombu.exceptions import OperationalError

from integrations.channels import registry
from integrations.settings import SettingError
from worker.limiter import Limiter
from worker.services.reminders.send import Sender, note_channel
from worker.settings import settings
from worker.tasks.broker.arguments import Channel
from worker.tasks.process.resources import hub, run

SEND = "remind.send"
SOFT_LIMIT_SECONDS, LIMIT_SECONDS = (
    22,
    25,
)  # mail servers are slow; still below the broker's visibility time-out
EXPIRES_SECONDS = 60.0

log = structlog.get_logger()


@shared_task(  # type: ignore[untyped-decorator]
    name=SEND, send_events=False, soft_time_limit=SOFT_LIMIT_SECONDS, time_limit=LIMIT_SECONDS
)
def send(channel: Channel) -> None:
    """Send one channel's due reminders for a few seconds, then continue in a new task if there is more."""
    hub().live.wake_ups.end(_wake_up(channel))
    try:
        sender = _sender(channel)
    except SettingError as error:  # the reminders wait; a missing file may be there the next time
        log.warning("channel.unconfigured", channel=channel, problem=str(error))
        note_channel(hub(), channel, str(error))
        return
    if run(sender.run(hub().today)):
        wake(channel)


def wake(channel: str) -> None:
    """Wake a channel, unless it is being woken already."""
    if hub().live.wake_ups.begin([_wake_up(channel)]):
        try:
            current_app.send_task(SEND, args=[channel], retry=False, expires=EXPIRES_SECONDS)
        except OperationalError:  # the clock wakes it again
            hub().live.wake_ups.end(_wake_up(channel))


def _wake_up(channel: str) -> str:
    return f"remind.{channel}"


@cache
def _sender(name: str) -> Sender:
    configured = settings()
    channel = registry.channel(name)
    return Sender(hub(), channel, Limiter(configured.redis_address, configured.redis_prefix, name, channel.limits))
