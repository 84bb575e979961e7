"""A way to a server that can be cut off: a process that hands bytes on, and can be frozen and thawed.

As a program: `python relay.py PORT TARGET_PORT`, both on loopback.
"""

import asyncio
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

SECONDS = 10.0
LISTENS = b"listens\n"
T = TypeVar("T")
Meet = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def relay(port: int, target: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Pass on what a port receives while the context lasts; the process may be frozen meanwhile."""
    process = subprocess.Popen([sys.executable, __file__, str(port), str(target)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == LISTENS
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        process.wait(SECONDS)
        process.stdout.close()


@contextmanager
def serving(meet: Meet, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Call `meet` for each connection, in a thread of this process, while the context lasts; yield the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def in_loop(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(SECONDS)

    try:
        server = in_loop(asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls))
        yield server.sockets[0].getsockname()[1]
        loop.call_soon_threadsafe(server.close)
        in_loop(_end_all())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def to(target: int) -> Meet:
    """Return a `meet` that connects each client to a port."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(hand_on(reader, back), hand_on(there, writer))

    return meet


async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on what is read, until either side ends."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve(port: int, target: int) -> None:
    async with await asyncio.start_server(to(target), "127.0.0.1", port) as server:
        print(LISTENS.decode(), end="", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(_serve(*map(int, sys.argv[1:])))
