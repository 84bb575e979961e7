"""The operations on Redis that `calls.py` needs. One wire is for code that blocks, one for event loops."""

from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Protocol

import redis


class Gap(Enum):
    """Stands in a subscription for messages that may have been missed."""

    MISSED = "missed"


class EndedError(redis.ConnectionError):
    """The client was closed while a subscription was open."""


class Subscription(Protocol):
    """A channel that is listened to. A lost connection is made again; then comes a `Gap`."""

    async def next(self, seconds: float) -> bytes | Gap | None:
        """Return the next message; None if there is none within `seconds`.

        Raises:
            EndedError: the client was closed.
        """


class Wire(Protocol):
    """Keys, queues and channels, by their full names. Every method may raise `redis.RedisError`."""

    async def get(self, name: str) -> bytes | None:
        """Read a key."""

    async def take(self, name: str) -> bytes | None:
        """Read a key and delete it."""

    async def push(self, queue: str, item: str, outdated: str) -> None:
        """Delete the key `outdated`, then put an item into a queue."""

    def listening(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to a channel while the context lasts, which begins at once.

        A `Gap` comes once the server has confirmed it, unless the channel is already live:
        until then, messages may be missed.
        """

    def subscribed(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to a channel while the context lasts; the server has confirmed it when the context begins."""

    async def close(self) -> None:
        """Close the connections; later calls open new ones."""
