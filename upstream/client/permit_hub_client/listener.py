"""One connection on which everybody in an event loop listens: to residents, and for results."""

import asyncio
from asyncio import Event, Future, Queue
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from enum import Enum

import redis
from redis.asyncio.connection import AbstractConnection

from permit_hub_client.wire import EndedError, Gap

_MOST_WAITING = 100  # messages for one listener; what it does not take in time becomes one `Gap`
_SILENCE_SECONDS = 5.0  # then a sign of life is asked for; after as long again the connection is given up
_BROKEN_PAUSE_SECONDS = 0.05
_AWAY_PAUSE_SECONDS = 0.5


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


class _Channel:
    """A channel and its listeners; it is live when the last thing the server was told, and has answered, is to be."""

    def __init__(self) -> None:
        self.feeds: set[Feed] = set()
        self.told = False
        self.unanswered = 0

    @property
    def live(self) -> bool:
        return self.told and self.unanswered == 0

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


class Listener:
    """The listeners of one event loop; `run` is the task that serves them."""

    def __init__(self, connect: Callable[[], AbstractConnection], confirm_seconds: float) -> None:
        self._connect = connect
        self._confirm_seconds = confirm_seconds
        self._channels: dict[bytes, _Channel] = {}
        self._changed: set[bytes] = set()
        self._to_do = Event()

    @asynccontextmanager
    async def subscribed(self, name: str) -> AsyncIterator[Feed]:
        """Listen to a channel, confirmed by the server, for as long as the context lasts."""
        feed, channel = Feed(), self._channels.setdefault(name.encode(), _Channel())
        channel.feeds.add(feed)
        try:
            if not channel.live:
                self._change([name.encode()])
                async with asyncio.timeout(self._confirm_seconds):
                    await feed.confirmed
            else:
                feed.confirmed.set_result(None)
            yield feed
        except TimeoutError:
            if feed.confirmed.done() and not feed.confirmed.cancelled():
                raise
            raise redis.TimeoutError("no confirmation of a subscription") from None
        finally:
            channel.feeds.discard(feed)
            if not channel.feeds:
                self._change([name.encode()])

    async def run(self) -> None:
        """Serve the listeners until cancelled, over one connection after the other."""
        try:
            while not _cancelled():
                await self._to_do.wait()
                await self._serve()
                if any(channel.feeds for channel in self._channels.values()):
                    self._to_do.set()
        finally:
            for channel in self._channels.values():
                for feed in channel.feeds:
                    feed.end()

    async def _serve(self) -> None:
        """Serve over one connection for as long as it lasts."""
        connection = self._connect()
        pause = _AWAY_PAUSE_SECONDS
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            for channel in self._channels.values():
                channel.forget()
            self._change(self._channels)
            pause = _BROKEN_PAUSE_SECONDS
            await self._talk(connection)
        except (redis.RedisError, OSError):
            if pause == _AWAY_PAUSE_SECONDS:
                self._nobody_answers()
        finally:
            await connection.disconnect(nowait=True)
        await asyncio.sleep(pause)

    async def _talk(self, connection: AbstractConnection) -> None:
        # No task group: before Python 3.13 it may leave this task marked as cancelled, or lose that it was.
        tasks = [asyncio.create_task(self._tell(connection)), asyncio.create_task(self._hear(connection))]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _nobody_answers(self) -> None:
        for channel in self._channels.values():
            for feed in channel.feeds:
                feed.fail(redis.ConnectionError("no connection"))

    def _change(self, names: Iterable[bytes]) -> None:
        self._changed.update(names)
        self._to_do.set()

    async def _tell(self, connection: AbstractConnection) -> None:
        """Keep the server told which channels have listeners, many with one command."""
        while not _cancelled():
            await self._to_do.wait()
            self._to_do.clear()
            changed = [(name, channel) for name in self._changed if (channel := self._channels.get(name))]
            self._changed.clear()
            for command, wanted in (("SUBSCRIBE", True), ("UNSUBSCRIBE", False)):
                names = [name for name, channel in changed if bool(channel.feeds) is wanted is not channel.told]
                for name in names:
                    self._channels[name].told = wanted
                    self._channels[name].unanswered += 1
                if names:
                    await connection.send_command(command, *names, check_health=False)
            for name, _ in changed:
                self._drop_unused(name)

    async def _hear(self, connection: AbstractConnection) -> None:
        asked = False
        while not _cancelled():
            answer = await connection.read_response(
                timeout=_SILENCE_SECONDS, disconnect_on_error=False, push_request=True
            )
            match answer:
                case None if asked:
                    raise redis.TimeoutError("the connection is silent")
                case None:
                    await connection.send_command("PING", check_health=False)
                case [b"message", name, data] if name in self._channels:
                    for feed in self._channels[name].feeds:
                        feed.put(data)
                case [b"subscribe" | b"unsubscribe", name, _]:
                    self._channels[name].answered()
                    self._drop_unused(name)
            asked = answer is None
            await asyncio.sleep(0)  # what lies in the buffer is read without waiting: let listeners take theirs

    def _drop_unused(self, name: bytes) -> None:
        channel = self._channels.get(name)
        if channel is not None and not channel.feeds and not channel.told and channel.unanswered == 0:
            del self._channels[name]


def _cancelled() -> bool:
    """Tell whether the task that runs was cancelled, even where a call that it waited in has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
