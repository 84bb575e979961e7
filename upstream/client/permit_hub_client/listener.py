"""One connection for all subscriptions of an event loop: residents' events, and results."""

import asyncio
from asyncio import Event
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import redis
from redis.asyncio.connection import AbstractConnection

from permit_hub_client.channel import Feed, Subscription

_SILENCE_SECONDS = 2.0  # then a PING is sent; after as long again the connection is given up
_BROKEN_PAUSE_SECONDS = 0.05
_UNAVAILABLE_PAUSE_SECONDS = 0.5


class Listener:
    """The subscriptions of one event loop; `run` is the task that serves them."""

    def __init__(self, connect: Callable[[], AbstractConnection], confirm_seconds: float) -> None:
        self._connect = connect
        self._confirm_seconds = confirm_seconds
        self._channels: dict[bytes, Subscription] = {}
        self._changed_names: set[bytes] = set()
        self._has_changes = Event()

    @asynccontextmanager
    async def listening(self, name: str) -> AsyncIterator[Feed]:
        """Listen to a channel while the context lasts, which begins at once.

        A `Gap` comes once the server has confirmed it, unless the channel is already live.
        """
        feed = Feed()
        feed.confirmed.set_result(None)  # nothing waits for it: `acknowledged` puts a gap instead
        with self._listed(name.encode(), feed):
            yield feed

    @asynccontextmanager
    async def subscribed(self, name: str) -> AsyncIterator[Feed]:
        """Listen to a channel while the context lasts; the server has confirmed it when the context begins."""
        feed = Feed()
        with self._listed(name.encode(), feed) as channel:
            if channel.live:
                feed.confirmed.set_result(None)
            else:
                await self._confirmed(feed)
            yield feed

    @contextmanager
    def _listed(self, name: bytes, feed: Feed) -> Iterator[Subscription]:
        channel = self._channels.setdefault(name, Subscription())
        channel.feeds.add(feed)
        try:
            self._mark_changed(name)
            yield channel
        finally:  # no await here, so that a cancelled listener is removed, too
            channel.feeds.discard(feed)
            self._mark_changed(name)

    async def run(self) -> None:
        """Serve the subscriptions until cancelled; replace a lost connection."""
        try:
            while not _cancelled():
                await self._has_changes.wait()
                await self._serve()
        finally:
            for channel in self._channels.values():
                for feed in channel.feeds:
                    feed.end()

    async def _serve(self) -> None:
        """Serve over one connection while it lasts."""
        connection = self._connect()
        pause = _UNAVAILABLE_PAUSE_SECONDS
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            pause = _BROKEN_PAUSE_SECONDS
            await self._talk(connection)
        except (redis.RedisError, OSError):
            if pause == _UNAVAILABLE_PAUSE_SECONDS:
                self._fail_unconfirmed()
        finally:
            await connection.disconnect(nowait=True)
            self._reset()
        await asyncio.sleep(pause)

    async def _talk(self, connection: AbstractConnection) -> None:
        # No task group: before Python 3.13 it may leave this task marked as cancelled, or lose its cancellation.
        tasks = [asyncio.create_task(self._send_changes(connection)), asyncio.create_task(self._receive(connection))]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _fail_unconfirmed(self) -> None:
        for channel in self._channels.values():
            for feed in channel.feeds:
                feed.fail(redis.ConnectionError("no connection"))

    async def _confirmed(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(self._confirm_seconds):
                await feed.confirmed
        except TimeoutError:
            raise redis.TimeoutError("no confirmation of a subscription") from None

    def _mark_changed(self, name: bytes) -> None:
        """Have `_send_changes` subscribe to or unsubscribe from a channel, if that is needed."""
        channel = self._channels[name]
        if channel.unused:
            del self._channels[name]
        elif bool(channel.feeds) is not channel.subscribed:
            self._changed_names.add(name)
            self._has_changes.set()

    def _reset(self) -> None:
        """Mark every channel that has listeners, to be subscribed to on the next connection."""
        self._changed_names.clear()
        self._has_changes.clear()
        for name, channel in list(self._channels.items()):
            channel.reset()
            self._mark_changed(name)

    async def _send_changes(self, connection: AbstractConnection) -> None:
        """Send SUBSCRIBE and UNSUBSCRIBE for changed channels, many in one command."""
        while not _cancelled():
            await self._has_changes.wait()
            self._has_changes.clear()
            changed = [(name, self._channels[name]) for name in self._changed_names if name in self._channels]
            self._changed_names.clear()
            for command, wanted in (("SUBSCRIBE", True), ("UNSUBSCRIBE", False)):
                names = [name for name, channel in changed if channel.request(wanted=wanted)]
                if names:
                    await connection.send_command(command, *names, check_health=False)

    async def _receive(self, connection: AbstractConnection) -> None:
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
                    self._channels[name].acknowledged()
                    self._mark_changed(name)
            asked = answer is None
            await asyncio.sleep(0)  # reading from the buffer does not wait: let the listeners run


def _cancelled() -> bool:
    """Return whether the running task was cancelled, even if a call has swallowed the CancelledError."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
