"""One connection on which everybody in an event loop listens: to residents, and for results."""

import asyncio
from asyncio import Event
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import redis
from redis.asyncio.connection import AbstractConnection

from permit_hub_client.channel import Feed, Subscription

_SILENCE_SECONDS = 2.0  # then a sign of life is asked for; after as long again the connection is given up
_BROKEN_PAUSE_SECONDS = 0.05
_AWAY_PAUSE_SECONDS = 0.5


class Listener:
    """The listeners of one event loop; `run` is the task that serves them."""

    def __init__(self, connect: Callable[[], AbstractConnection], confirm_seconds: float) -> None:
        self._connect = connect
        self._confirm_seconds = confirm_seconds
        self._channels: dict[bytes, Subscription] = {}
        self._changed: set[bytes] = set()
        self._to_do = Event()

    @asynccontextmanager
    async def subscribed(self, name: str) -> AsyncIterator[Feed]:
        """Listen to a channel, confirmed by the server, for as long as the context lasts."""
        key, feed = name.encode(), Feed()
        channel = self._channels.setdefault(key, Subscription())
        channel.feeds.add(feed)
        try:
            if channel.live:
                feed.confirmed.set_result(None)
            else:
                self._change(key)
                await self._confirmed(feed)
            yield feed
        finally:  # nothing is awaited here: whoever is cancelled leaves all the same
            channel.feeds.discard(feed)
            self._change(key)

    async def run(self) -> None:
        """Serve the listeners until cancelled, over one connection after the other."""
        try:
            while not _cancelled():
                await self._to_do.wait()
                await self._serve()
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
            pause = _BROKEN_PAUSE_SECONDS
            await self._talk(connection)
        except (redis.RedisError, OSError):
            if pause == _AWAY_PAUSE_SECONDS:
                self._nobody_answers()
        finally:
            await connection.disconnect(nowait=True)
            self._lost()
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

    async def _confirmed(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(self._confirm_seconds):
                await feed.confirmed
        except TimeoutError:
            raise redis.TimeoutError("no confirmation of a subscription") from None

    def _change(self, name: bytes) -> None:
        """Have the server told about a channel, unless there is nothing to tell."""
        channel = self._channels[name]
        if channel.unused:
            del self._channels[name]
        elif bool(channel.feeds) is not channel.told:
            self._changed.add(name)
            self._to_do.set()

    def _lost(self) -> None:
        """Begin anew: the next connection is told of every channel that has listeners."""
        self._changed.clear()
        self._to_do.clear()
        for name, channel in list(self._channels.items()):
            channel.forget()
            self._change(name)

    async def _tell(self, connection: AbstractConnection) -> None:
        """Keep the server told which channels have listeners, many with one command."""
        while not _cancelled():
            await self._to_do.wait()
            self._to_do.clear()
            changed = [(name, self._channels[name]) for name in self._changed if name in self._channels]
            self._changed.clear()
            for command, wanted in (("SUBSCRIBE", True), ("UNSUBSCRIBE", False)):
                names = [name for name, channel in changed if channel.tell(wanted=wanted)]
                if names:
                    await connection.send_command(command, *names, check_health=False)

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
                    self._change(name)
            asked = answer is None
            await asyncio.sleep(0)  # what lies in the buffer is read without waiting: let listeners take theirs


def _cancelled() -> bool:
    """Tell whether the task that runs was cancelled, even where a call that it waited in has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
