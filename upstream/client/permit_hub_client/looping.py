"""The wire for coroutines: each event loop has its own connections, and one of them serves all subscriptions."""

import asyncio
from asyncio import AbstractEventLoop
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import Context

import redis.asyncio
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from permit_hub_client.channel import Feed
from permit_hub_client.listener import Listener
from permit_hub_client.server import Server

_MOST_CONNECTIONS = 16  # per event loop; an exchange takes less than a millisecond, so further calls wait briefly


class _Loop:
    """The connections of one event loop, and the task that closes them when it ends."""

    def __init__(self, server: Server, io_seconds: float) -> None:
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            server.url,
            **server.options,
            max_connections=_MOST_CONNECTIONS,
            timeout=io_seconds,
            protocol=2,
            socket_timeout=io_seconds,
            socket_connect_timeout=io_seconds,
            socket_keepalive=True,
            health_check_interval=10,
            retry=Retry(ConstantBackoff(0.05), 1),  # once: the connection may have been closed while idle
        )
        self.redis: redis.asyncio.Redis = redis.asyncio.Redis.from_pool(pool)
        self.listener = Listener(pool.make_connection, 2 * io_seconds)
        self.keeper = asyncio.get_running_loop().create_task(self._keep(), context=Context())

    async def _keep(self) -> None:
        try:
            await self.listener.run()
        finally:
            await self.redis.aclose()


class LoopingWire:
    """Redis for event loops: each loop gets its connections at its first call.

    A forked process runs a loop of its own. It keeps the entry of its parent's loop: dropping that would close the
    parent's connections, too.
    """

    def __init__(self, server: Server, io_seconds: float) -> None:
        self._server = server
        self._io_seconds = io_seconds
        self._loops: dict[AbstractEventLoop, _Loop] = {}

    async def get(self, name: str) -> bytes | None:
        """Read a key."""
        text = await self._current().redis.get(name)
        return text if isinstance(text, bytes) else None

    async def take(self, name: str) -> bytes | None:
        """Read a key and delete it."""
        text = await self._current().redis.getdel(name)
        return text if isinstance(text, bytes) else None

    async def push(self, queue: str, item: str, outdated: str) -> None:
        """Delete the key `outdated`, then put an item into a queue."""
        async with self._current().redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(outdated)
            pipeline.lpush(queue, item)
            await pipeline.execute()

    def listening(self, channel: str) -> AbstractAsyncContextManager[Feed]:
        """Listen to a channel while the context lasts, which begins at once.

        A `Gap` comes once the server has confirmed it, unless the channel is already live.
        """
        return self._current().listener.listening(channel)

    def subscribed(self, channel: str) -> AbstractAsyncContextManager[Feed]:
        """Listen to a channel while the context lasts; the server has confirmed it when the context begins."""
        return self._current().listener.subscribed(channel)

    async def close(self) -> None:
        """End this event loop's subscriptions and close its connections."""
        current = self._loops.pop(asyncio.get_running_loop(), None)
        if current is not None:
            current.keeper.cancel()
            with suppress(asyncio.CancelledError):
                await current.keeper

    def _current(self) -> _Loop:
        """Return the connections of the running event loop."""
        loop = asyncio.get_running_loop()
        current = self._loops.get(loop)
        if current is None or current.keeper.done():
            for known in list(self._loops):
                if known.is_closed():
                    self._loops.pop(known, None)
            current = self._loops[loop] = _Loop(self._server, self._io_seconds)
        return current
