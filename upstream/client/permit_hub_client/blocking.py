"""The wire for code that blocks: the calling thread waits on the socket; no thread is started."""

import os
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import redis
from redis.backoff import ConstantBackoff
from redis.client import PubSub
from redis.retry import Retry

from permit_hub_client.server import Server
from permit_hub_client.wire import Gap

_MOST_IDLE = 32
_PAUSE_SECONDS = 0.5  # between attempts to reach a Redis that is unavailable
T = TypeVar("T")


def run(call: Coroutine[Any, Any, T]) -> T:
    """Run a call over a blocking wire to its end; such a call never suspends."""
    try:
        call.send(None)
    except StopIteration as returned:
        result: T = returned.value
        return result
    call.close()
    raise RuntimeError("a call over a blocking wire must not wait for an event loop")


class BlockingWire:
    """Redis for threads. Subscriptions are kept open between calls: opening one costs more than a job."""

    def __init__(self, server: Server, io_seconds: float) -> None:
        self._io_seconds = io_seconds
        self._redis: redis.Redis = redis.Redis.from_url(
            server.url,
            **server.options,
            socket_timeout=io_seconds,
            socket_connect_timeout=io_seconds,
            socket_keepalive=True,
            health_check_interval=10,
            retry=Retry(ConstantBackoff(0.05), 1),  # once: the connection may have been closed while idle
        )
        self._idle: deque[PubSub] = deque()
        self._pid = os.getpid()

    async def get(self, name: str) -> bytes | None:
        """Read a key."""
        text = self._redis.get(name)
        return text if isinstance(text, bytes) else None

    async def take(self, name: str) -> bytes | None:
        """Read a key and delete it."""
        text = self._redis.getdel(name)
        return text if isinstance(text, bytes) else None

    async def push(self, queue: str, item: str, outdated: str) -> None:
        """Delete the key `outdated`, then put an item into a queue."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(outdated)
            pipeline.lpush(queue, item)
            pipeline.execute()

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator["BlockingSubscription"]:
        """Listen to a channel while the context lasts; a `Gap` comes once the server has confirmed it."""
        pubsub = self._listen(channel)
        try:
            yield BlockingSubscription(pubsub, channel)
        except BaseException:
            pubsub.close()
            raise
        try:
            pubsub.unsubscribe(channel)  # type: ignore[no-untyped-call]
        except redis.RedisError:  # the connection is lost; the messages received so far stand
            pubsub.close()
            return
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(pubsub)
        else:
            pubsub.close()

    @asynccontextmanager
    async def subscribed(self, channel: str) -> AsyncIterator["BlockingSubscription"]:
        """Listen to a channel while the context lasts; the server has confirmed it when the context begins."""
        async with self.listening(channel) as subscription:
            if await subscription.next(self._io_seconds) is not Gap.MISSED:
                raise redis.TimeoutError("no confirmation of a subscription")
            yield subscription

    async def close(self) -> None:
        """Close the idle connections."""
        self._drop_idle()
        self._redis.close()

    def _listen(self, channel: str) -> PubSub:
        """Subscribe over an idle connection if one still works, else over a new one."""
        pubsub = self._pop_idle()
        if pubsub is not None:
            try:
                return _subscribe(pubsub, channel)
            except redis.ConnectionError:  # Redis was restarted meanwhile: the other idle ones are lost, too
                self._drop_idle()
        return _subscribe(PubSub(self._redis.connection_pool), channel)

    def _pop_idle(self) -> PubSub | None:
        if self._pid != os.getpid():  # forked: these sockets belong to the parent
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _drop_idle(self) -> None:
        while (pubsub := self._pop_idle()) is not None:
            pubsub.close()


class BlockingSubscription:
    """A channel that one thread listens to."""

    def __init__(self, pubsub: PubSub, channel: str) -> None:
        self._pubsub = pubsub
        self._channel = channel.encode()

    async def next(self, seconds: float) -> bytes | Gap | None:
        """Return the next message; None if there is none within `seconds`."""
        return self._next(time.monotonic() + seconds)

    def _next(self, deadline: float) -> bytes | Gap | None:
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                message = self._pubsub.get_message(timeout=left)
            except redis.RedisError:  # redis-py connects and subscribes again at the next call
                time.sleep(min(left, _PAUSE_SECONDS))
                message = None
            if message is not None and message["channel"] == self._channel:
                if message["type"] == "message":
                    data: bytes = message["data"]
                    return data
                if message["type"] == "subscribe":
                    return Gap.MISSED
            if time.monotonic() >= deadline:
                return None


def _subscribe(pubsub: PubSub, channel: str) -> PubSub:
    """Send SUBSCRIBE; close the connection if that fails.

    Raises:
        redis.ConnectionError, redis.TimeoutError: it could not be sent.
    """
    try:
        pubsub.subscribe(channel)
    except BaseException:
        pubsub.close()
        raise
    return pubsub
