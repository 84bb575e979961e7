"""The HTTP client: connections that are refused, kept, broken and cancelled."""

import asyncio
import socket

import pytest

from integrations.errors import FailureCode, NotSentError, UnclearError
from integrations.http import Response
from tests.integrations.scripted import Server, client, reply, serving


def test_a_refused_connection_means_not_sent() -> None:
    with socket.socket() as taken:  # bound but not listening
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        async def once() -> None:
            found = client(port)
            try:
                await found.exchange("PUT", "/thing", {})
            finally:
                await found.aclose()

        with pytest.raises(NotSentError) as caught:
            asyncio.run(once())

    assert caught.value.code == FailureCode.NOT_CONNECTED
    assert str(port) not in str(caught.value)


def test_a_kept_connection_that_breaks_is_reported_and_nothing_is_sent_twice() -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 0:
            writer.write(reply("200 OK"))
        else:
            writer.transport.abort()

    async def twice() -> Server:
        async with serving(respond) as (server, found):
            await found.exchange("PUT", "/thing", {})
            with pytest.raises(UnclearError):
                await found.exchange("PUT", "/thing", {})
        return server

    assert len(asyncio.run(twice()).requests) == 2


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200", b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"id":'], ids=["none", "head", "body"]
)
def test_an_answer_to_a_cancelled_exchange_is_never_read_by_the_next(part: bytes) -> None:
    """A part of the first answer comes after its exchange was cancelled; the second exchange must not read it."""
    given_up = asyncio.Event()

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        first = reply("200 OK", b'{"id":"A"}')
        if number == 0:
            writer.write(part)
            await given_up.wait()
            writer.write(first)
        else:
            writer.write(reply("200 OK", b'{"id":"B"}'))

    async def run() -> tuple[Server, Response]:
        async with serving(respond) as (server, found):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + 0.1):
                    await found.exchange("PUT", "/a", {})
            given_up.set()
            return server, await found.exchange("PUT", "/b", {})

    server, answer = asyncio.run(run())

    assert answer == Response(200, {"id": "B"})
    assert server.connections == [0, 1]
