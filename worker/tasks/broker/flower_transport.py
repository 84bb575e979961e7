"""kombu's Redis transport for Flower: events and answers are rebuilt before Celery reads them.

Celery and kombu log the values of an event that they cannot read, and adopt a sender's clock.
"""

import re
from typing import Any

from celery import current_app
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis

from worker.domain.keys import HashKeys
from worker.settings import settings
from worker.tasks.broker.events import rebuild
from worker.tasks.broker.remote_control import REPLIES

_TICKET = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FlowerChannel(kombu_redis.Channel):
    """A channel to Redis that hears events."""

    def _handle_message(self: Any, client: Any, response: Any) -> dict[str, Any]:
        """Replace a message by its rebuilt events, or by None."""
        payload: dict[str, Any] = super()._handle_message(client, response)  # type: ignore[no-untyped-call]
        if isinstance(payload["data"], bytes):
            payload["data"] = rebuild(payload["data"], HashKeys.of(settings().hash_key).first, current_app.tasks)
        return payload


class FlowerTransport(kombu_redis.Transport):
    """Redis as Flower sees it."""

    Channel = FlowerChannel

    def _deliver(self, message: Any, queue: str) -> None:
        """Deliver an answer to one of Flower's questions with its ticket and no other header."""
        if queue.endswith(f".{REPLIES}"):
            headers = message.get("headers") if isinstance(message, dict) else None
            ticket = headers.get("ticket") if isinstance(headers, dict) else None
            if not isinstance(ticket, str) or not _TICKET.fullmatch(ticket):
                return
            message["headers"] = {"ticket": ticket}
        super()._deliver(message, queue)  # type: ignore[no-untyped-call]


def use_flower_transport() -> None:
    """Make every connection of this process use this transport."""
    path = f"{__name__}:{FlowerTransport.__name__}"
    TRANSPORT_ALIASES.update(redis=path, rediss=path)
