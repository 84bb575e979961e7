"""A server that sends exactly the bytes that a test sets, and a client of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from integrations.errors import FailureCode, ProviderError
from integrations.http import Authorisation, ProviderClient, Response
from integrations.settings import ProviderSettings

Respond = Callable[[int, asyncio.StreamWriter], Awaitable[None]]
KEY = "a-key-that-nobody-may-see"
PLATE = "QJ817XK"
TURNS_TO_ACCEPT = 20  # of the loop, more than it needs to have a connection served that it has accepted


class Server:
    """Answers each request with `respond`, by its number from 0; `connections` has the connection of each request."""

    def __init__(self, respond: Respond) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.connections: list[int] = []
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._respond = respond
        self._opened = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, self._opened = self._opened, self._opened + 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0"
                )
                head += await reader.readexactly(int(length.partition(b":")[2]))
                self.requests.append(head)
                self.connections.append(connection)
                await self._respond(len(self.requests) - 1, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of its own."""
        task = asyncio.create_task(self.serve(reader, writer))
        self._serving[task] = writer

    async def end(self) -> None:
        """Drop the remaining connections; on a busy machine their end is noticed late."""
        for _ in range(TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        for task, writer in self._serving.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)


@asynccontextmanager
async def answering(respond: Respond, trust: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve while the context lasts, in plain text or with TLS."""
    server = Server(respond)
    listener = await asyncio.start_server(server.connected, "127.0.0.1", 0, ssl=trust)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.end()


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[tuple[Server, ProviderClient]]:
    """Serve in plain text, and yield a client."""
    async with answering(respond) as server, reaching(client(server.port)) as found:
        yield server, found


@asynccontextmanager
async def reaching(found: ProviderClient) -> AsyncIterator[ProviderClient]:
    """Close a client at the end."""
    try:
        yield found
    finally:
        await found.aclose()


def client(
    port: int,
    *,
    scheme: str = "http",
    host: str = "127.0.0.1",
    development: bool = True,
    authority: Path | None = None,
    certificate: Path | None = None,
    authorisation: Authorisation | None = None,
) -> ProviderClient:
    return ProviderClient(
        "anybody",
        ProviderSettings(url=f"{scheme}://{host}:{port}/base", development=development, authority=authority),
        {"X-Key": KEY},
        connections=4,
        refusal=lambda data: FailureCode.PLATE_REFUSED if data == {"no": "plate"} else FailureCode.REQUEST_REFUSED,
        authorisation=authorisation,
        certificate=certificate,
    )


def reply(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(data: bytes) -> Respond:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return respond


def exchange(respond: Respond, *, accept: tuple[int, ...] = ()) -> Response:
    """Return the response to one PUT."""

    async def once() -> Response:
        async with serving(respond) as (_, found):
            return await found.exchange("PUT", "/thing", {"plate": PLATE}, accept=accept)

    return asyncio.run(once())


def failure(respond: Respond) -> ProviderError:
    """Return the error of one PUT."""
    with pytest.raises(ProviderError) as caught:
        exchange(respond)
    return caught.value


async def failed(found: ProviderClient) -> ProviderError:
    """Return the error of one PUT of this client."""
    with pytest.raises(ProviderError) as caught:
        await found.exchange("PUT", "/thing", {"plate": PLATE})
    return caught.value
