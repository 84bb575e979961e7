"""Who listens to a channel, and what they have heard."""

import asyncio
from asyncio import Future, Queue
from enum import Enum

import redis

from permit_hub_client.wire import EndedError, Gap

_MOST_WAITING = 100  # messages for one listener; what it does not take in time becomes one `Gap`


class _End(Enum):
    CLOSED = "closed"


class Feed:
    """What one listener hears, until it takes it."""

    def __init__(self) -> None:
        self.confirmed: Future[None] = asyncio.get_running_loop().create_future()
        self._heard: Queue[bytes | Gap | _End] = Queue(_MOST_WAITING)

    def put(self, heard: bytes | Gap | _End) -> None:
        """Add a message; one too many makes a gap of all that wait."""
        if self._heard.full():
            while not self._heard.empty():
                self._heard.get_nowait()
            heard = Gap.MISSED if isinstance(heard, bytes) else heard
        self._heard.put_nowait(heard)

    def end(self) -> None:
        """Tell the listener that nothing comes any more."""
        self.put(_End.CLOSED)
        self.fail(EndedError("the client was closed"))

    def fail(self, error: redis.RedisError) -> None:
        """Tell whoever waits to be confirmed that it will not be."""
        if not self.confirmed.done():
            self.confirmed.set_exception(error)

    async def next(self, seconds: float) -> bytes | Gap | None:
        """Return the next message; None when there was none for so long.

        Raises:
            EndedError: the client was closed.
        """
        try:
            async with asyncio.timeout(seconds):
                heard = await self._heard.get()
        except TimeoutError:
            return None
        if isinstance(heard, _End):
            self.put(heard)
            raise EndedError("the client was closed")
        return heard


class Subscription:
    """A channel and its listeners; it is live when the last thing the server was told, and has answered, is to be."""

    def __init__(self) -> None:
        self.feeds: set[Feed] = set()
        self.told = False
        self.unanswered = 0

    @property
    def live(self) -> bool:
        """Tell whether whatever is published reaches the listeners."""
        return self.told and self.unanswered == 0

    def tell(self, *, wanted: bool) -> bool:
        """Note what the server is told now; False where it need not be told that."""
        if bool(self.feeds) is not wanted or self.told is wanted:
            return False
        self.told = wanted
        self.unanswered += 1
        return True

    @property
    def unused(self) -> bool:
        """Tell whether nobody listens, and the server knows."""
        return not self.feeds and not self.told and self.unanswered == 0

    def forget(self) -> None:
        """Begin anew on a new connection."""
        self.told, self.unanswered = False, 0

    def answered(self) -> None:
        """Count an answer; once live, a new listener is confirmed, and an older one may have missed something."""
        self.unanswered -= 1
        if self.live:
            for feed in self.feeds:
                if feed.confirmed.done():
                    feed.put(Gap.MISSED)
                else:
                    feed.confirmed.set_result(None)
