"""What the calls of `calls.py` need of Redis: there is one wire for code that blocks, and one for event loops."""

from contextlib import AbstractAsyncContextManager
from enum import Enum
from typing import Protocol

import redis


class Gap(Enum):
    """What stands in a subscription for messages that may have been missed."""

    MISSED = "missed"


class EndedError(redis.ConnectionError):
    """The client was closed while somebody listened."""


class Subscription(Protocol):
    """A channel that is listened to. A lost connection is made again by itself, and then comes a `Gap`."""

    async def next(self, seconds: float) -> bytes | Gap | None:
        """Return the next message; None when there was none for so long.

        Raises:
            EndedError: the client was closed.
        """


class Wire(Protocol):
    """Keys, queues and channels; names are whole ones. Everything may raise `redis.RedisError`."""

    async def get(self, name: str) -> bytes | None:
        """Read a key."""

    async def take(self, name: str) -> bytes | None:
        """Read a key and delete it."""

    async def push(self, queue: str, item: str, outdated: str) -> None:
        """Put an item into a queue, and delete a key before."""

    def subscribed(self, channel: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to a channel, confirmed by the server, for as long as the context lasts."""

    async def close(self) -> None:
        """Close the connections; new ones are made when they are needed."""
