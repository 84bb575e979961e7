"""Live events of one resident."""

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import redis
from redis.client import PubSub

from permit_hub_client.errors import HubUnavailable
from permit_hub_client.replies import subscribe

_PAUSE_SECONDS = 0.5  # between attempts to reach a Redis that is away
_IDLE_SECONDS = 5.0

RESUMED = "watch.resumed"
"""The type of the event that stands for whatever was missed while the connection was lost."""


class Watch:
    """The events of one resident, live, from the moment that the `with` block begins.

    Read the personal space inside the block: whatever changes after that reading is an event. A lost connection is
    made again by itself; then comes an event of type `RESUMED`, which says no more than: read the space again.
    """

    def __init__(self, client: redis.Redis, resident_id: str, channel: str, seconds: float) -> None:
        self._subscription = PubSub(client.connection_pool)
        self._resident_id = resident_id
        self._channel = channel
        self._seconds = seconds

    def __enter__(self) -> Self:
        try:
            subscribe(self._subscription, self._channel, self._seconds)
        except redis.RedisError as error:
            self._subscription.close()
            raise HubUnavailable("Redis does not answer") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._subscription.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            event = self.next(_IDLE_SECONDS)
            if event is not None:
                yield event

    def next(self, timeout: float) -> dict[str, Any] | None:
        """Return the next event, or None when there was none for `timeout` seconds: the moment for a heartbeat."""
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                message = self._subscription.get_message(timeout=left)
            except redis.RedisError:  # it connects and subscribes again at the next call
                time.sleep(min(left, _PAUSE_SECONDS))
                message = None
            if message is not None and message["type"] == "message":
                event: dict[str, Any] = json.loads(message["data"])
                return event
            if message is not None and message["type"] == "subscribe":
                return {"type": RESUMED, "subject": self._resident_id}
            if time.monotonic() >= deadline:
                return None
