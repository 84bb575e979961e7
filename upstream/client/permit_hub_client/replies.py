"""Waiting for the results of tasks."""

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.client import PubSub

from permit_hub_client.message import Result, read_result

_LOOK_AGAIN_SECONDS = 1.0  # an announcement can be lost with a connection: look at the key itself this often
_MOST_IDLE = 32


class Replies:
    """Subscriptions to results, kept open from one call to the next: opening one costs more than a whole job."""

    def __init__(self, client: redis.Redis, confirm_seconds: float) -> None:
        self._client = client
        self._confirm_seconds = confirm_seconds
        self._idle: deque[PubSub] = deque()
        self._pid = os.getpid()

    @contextmanager
    def subscribed(self, name: str) -> Iterator[PubSub]:
        """Subscribe to a channel, confirmed by the server, for as long as the context lasts."""
        subscription = self._take()
        try:
            subscribe(subscription, name, self._confirm_seconds)
            yield subscription
            subscription.unsubscribe(name)  # type: ignore[no-untyped-call]
        except BaseException:
            subscription.close()
            raise
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(subscription)
        else:
            subscription.close()

    def wait(self, subscription: PubSub, name: str, deadline: float) -> Result | None:
        """Return the result that is announced, or found at the key; None when the deadline (monotonic) passes."""
        while True:
            left = deadline - time.monotonic()
            message = subscription.get_message(timeout=max(0.0, min(left, _LOOK_AGAIN_SECONDS)))
            result = None
            if message is None:
                result = self.look(name)
            elif message["type"] == "message" and message["channel"] == name.encode():
                result = read_result(message["data"])
            if result is not None:
                return result
            if left <= 0:
                return None

    def look(self, name: str) -> Result | None:
        """Return the result that is at the key, if there is one."""
        text = self._client.get(name)
        return read_result(text) if isinstance(text, bytes) else None

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> PubSub:
        if self._pid != os.getpid():  # after a fork these sockets are the parent's
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return PubSub(self._client.connection_pool)


def subscribe(subscription: PubSub, name: str, seconds: float) -> None:
    """Subscribe to a channel and wait until the server has confirmed it.

    Raises:
        redis.ConnectionError, redis.TimeoutError: it did not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    subscription.subscribe(name)
    while (left := deadline - time.monotonic()) > 0:
        message = subscription.get_message(timeout=left)
        if message is not None and message["type"] == "subscribe" and message["channel"] == name.encode():
            return
    raise redis.TimeoutError("no confirmation of a subscription")
