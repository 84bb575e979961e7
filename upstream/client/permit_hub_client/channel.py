"""The listeners of a channel, and the messages that wait for them."""

import asyncio
from asyncio import Future, Queue
from enum import Enum

import redis

from permit_hub_client.wire import EndedError, Gap

_MOST_WAITING = 100  # messages for one listener; one more replaces them all by a `Gap`


class _End(Enum):
    CLOSED = "closed"


class Feed:
    """The messages that wait for one listener."""

    def __init__(self) -> None:
        self.confirmed: Future[None] = asyncio.get_running_loop().create_future()
        self._messages: Queue[bytes | Gap | _End] = Queue(_MOST_WAITING)

    def put(self, message: bytes | Gap | _End) -> None:
        """Add a message; if there are too many, replace them all by a gap."""
        if self._messages.full():
            while not self._messages.empty():
                self._messages.get_nowait()
            message = Gap.MISSED if isinstance(message, bytes) else message
        self._messages.put_nowait(message)

    def end(self) -> None:
        """Tell the listener that the client was closed."""
        self.put(_End.CLOSED)
        self.fail(EndedError("the client was closed"))

    def fail(self, error: redis.RedisError) -> None:
        """Raise an error in a listener that waits for the server's confirmation."""
        if not self.confirmed.done():
            self.confirmed.set_exception(error)

    async def next(self, seconds: float) -> bytes | Gap | None:
        """Return the next message; None if there is none within `seconds`.

        Raises:
            EndedError: the client was closed.
        """
        try:
            async with asyncio.timeout(seconds):
                message = await self._messages.get()
        except TimeoutError:
            return None
        if isinstance(message, _End):
            self.put(message)
            raise EndedError("the client was closed")
        return message


class Subscription:
    """A channel and its listeners. It is live once the server has acknowledged SUBSCRIBE."""

    def __init__(self) -> None:
        self.feeds: set[Feed] = set()
        self.subscribed = False
        self.unacknowledged = 0

    @property
    def live(self) -> bool:
        """Return whether published messages reach the listeners."""
        return self.subscribed and self.unacknowledged == 0

    def request(self, *, wanted: bool) -> bool:
        """Note that SUBSCRIBE (`wanted`) or UNSUBSCRIBE is sent now; False if that is not needed."""
        if bool(self.feeds) is not wanted or self.subscribed is wanted:
            return False
        self.subscribed = wanted
        self.unacknowledged += 1
        return True

    @property
    def unused(self) -> bool:
        """Return whether the channel has no listeners and the server has acknowledged that."""
        return not self.feeds and not self.subscribed and self.unacknowledged == 0

    def reset(self) -> None:
        """Reset for a new connection."""
        self.subscribed, self.unacknowledged = False, 0

    def acknowledged(self) -> None:
        """Count an acknowledgement. Once live, confirm new listeners and give older ones a gap."""
        self.unacknowledged -= 1
        if self.live:
            for feed in self.feeds:
                if feed.confirmed.done():
                    feed.put(Gap.MISSED)
                else:
                    feed.confirmed.set_result(None)
