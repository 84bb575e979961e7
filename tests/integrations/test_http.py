"""The HTTP seam against servers that answer byte by byte what a test tells them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.http import LARGEST_ANSWER, LONGEST_RETRY_AFTER, Answer, ProviderClient

Respond = Callable[[int, asyncio.StreamWriter], Awaitable[None]]
KEY = "a-key-that-nobody-may-see"


class Server:
    """Answers each request with `respond`, given its number from 0; `connections` is the number of each request's."""

    def __init__(self, respond: Respond) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.connections: list[int] = []
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
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[tuple[Server, ProviderClient]]:
    server = Server(respond)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    found = client(server.port)
    try:
        yield server, found
    finally:
        await found.aclose()
        listener.close()


def client(port: int) -> ProviderClient:
    return ProviderClient(
        "anybody",
        f"http://127.0.0.1:{port}/base",
        {"X-Key": KEY},
        connections=4,
        refusal=lambda data: FailureCode.PLATE_REFUSED if data == {"no": "plate"} else FailureCode.REQUEST_REFUSED,
    )


def reply(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(data: bytes) -> Respond:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return respond


def exchange(respond: Respond, *, accept: tuple[int, ...] = ()) -> Answer:
    """Return what one PUT leads to."""

    async def once() -> Answer:
        async with serving(respond) as (_, found):
            return await found.exchange("PUT", "/thing", {"plate": "QJ817XK"}, accept=accept)

    return asyncio.run(once())


def failure(respond: Respond) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        exchange(respond)
    return caught.value


def header_lines(head: bytes) -> set[str]:
    return set(head.decode().lower().split("\r\n")[1:])


def test_a_success_is_returned() -> None:
    assert exchange(always(reply("200 OK", b'{"id":1}'))) == Answer(200, {"id": 1})


def test_an_empty_success_is_none() -> None:
    assert exchange(always(reply("204 No Content", b""))) == Answer(204, None)


def test_an_accepted_status_is_returned() -> None:
    assert exchange(always(reply("404 Not Found", b'{"no":1}')), accept=(404,)) == Answer(404, {"no": 1})


def test_an_accepted_status_in_words_of_somebody_else_is_unclear() -> None:
    with pytest.raises(UnclearError):
        exchange(always(reply("404 Not Found", b"<html>")), accept=(404,))


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        ("400 Bad Request", b'{"no":"plate"}', RejectedError, FailureCode.PLATE_REFUSED),
        ("409 Conflict", b'{"no":"idea"}', RejectedError, FailureCode.REQUEST_REFUSED),
        ("400 Bad Request", b"<html>", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("404 Not Found", b"", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("401 Unauthorized", b"{}", NotSentError, FailureCode.UNAUTHORISED),
        ("403 Forbidden", b"<html>", NotSentError, FailureCode.UNAUTHORISED),
        ("408 Request Timeout", b"", NotSentError, FailureCode.UNAVAILABLE),
        ("429 Too Many Requests", b"", NotSentError, FailureCode.THROTTLED),
        ("503 Service Unavailable", b"<html>", UnclearError, FailureCode.UNAVAILABLE),
        ("500 Internal Server Error", b"{}", UnclearError, FailureCode.SERVER_ERROR),
        ("504 Gateway Timeout", b"", UnclearError, FailureCode.SERVER_ERROR),
        ("302 Found", b"", UnclearError, FailureCode.REDIRECTED),
        ("200 OK", b"<html>", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b'{"id":', UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b"[" * 100_000, UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b"\xff\xfe", UnclearError, FailureCode.ANSWER_UNREADABLE),
        ("200 OK", b"1" * (LARGEST_ANSWER + 1), UnclearError, FailureCode.ANSWER_TOO_LARGE),
    ],
)
def test_each_status_is_judged(status: str, body: bytes, kind: type[ProviderError], code: FailureCode) -> None:
    found = failure(always(reply(status, body)))

    assert type(found) is kind
    assert found.code == code
    assert found.status == (int(status.partition(" ")[0]))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", FailureCode.CONNECTION_LOST),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", FailureCode.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", FailureCode.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", FailureCode.CONNECTION_LOST),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", FailureCode.CONNECTION_LOST),
    ],
)
def test_a_broken_answer_is_unclear(data: bytes, code: FailureCode) -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    found = failure(respond)

    assert type(found) is UnclearError
    assert found.code == code
    assert found.status is None


def test_a_compressed_answer_is_not_unpacked() -> None:
    found = failure(always(reply("200 OK", b"\x1f\x8b\x08\x00", "Content-Encoding: gzip")))

    assert (type(found), found.code) == (UnclearError, FailureCode.ANSWER_UNREADABLE)


def test_a_refused_connection_is_surely_not_sent() -> None:
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


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999999", LONGEST_RETRY_AFTER),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    found = failure(always(reply("429 Too Many Requests", b"", f"Retry-After: {value}")))

    assert found.retry_after == seconds


def test_a_date_to_retry_after_is_measured_on_their_clock() -> None:
    theirs = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    until = format_datetime(theirs + timedelta(seconds=90), usegmt=True)
    date = format_datetime(theirs, usegmt=True)

    found = failure(always(reply("503 Service Unavailable", b"", f"Date: {date}", f"Retry-After: {until}")))

    assert found.retry_after == 90.0


def test_a_date_to_retry_after_works_without_their_clock() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    found = failure(always(reply("503 Service Unavailable", b"", f"Retry-After: {until}")))

    assert found.retry_after is not None
    assert 60 < found.retry_after <= 90


def test_only_what_is_needed_is_sent_and_connections_are_kept() -> None:
    async def twice() -> Server:
        async with serving(always(reply("200 OK", b"{}", "Set-Cookie: a=b; Path=/"))) as (server, found):
            await found.exchange("PUT", "/thing", {"plate": "É"})
            await found.exchange("DELETE", "/thing")
        return server

    server = asyncio.run(twice())

    host = f"host: 127.0.0.1:{server.port}"
    common = {host, "accept: application/json", "accept-encoding: identity", f"x-key: {KEY}"}
    (put, body), (delete, nothing) = (request.split(b"\r\n\r\n") for request in server.requests)
    assert put.startswith(b"PUT /base/thing HTTP/1.1\r\n")
    assert header_lines(put) == common | {"content-type: application/json", "content-length: 14"}
    assert body.decode() == '{"plate":"É"}'
    assert header_lines(delete) - {"content-length: 0"} == common
    assert nothing == b""
    assert server.connections == [0, 0]


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
def test_a_cancelled_exchange_leaves_no_connection_to_read_another_answer_from(part: bytes) -> None:
    """The first answer comes, in part, after its exchange was given up; the second must not see any of it."""
    given_up = asyncio.Event()

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        first = reply("200 OK", b'{"id":"A"}')
        if number == 0:
            writer.write(part)
            await given_up.wait()
            writer.write(first)
        else:
            writer.write(reply("200 OK", b'{"id":"B"}'))

    async def run() -> tuple[Server, Answer]:
        async with serving(respond) as (server, found):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + 0.1):
                    await found.exchange("PUT", "/a", {})
            given_up.set()
            return server, await found.exchange("PUT", "/b", {})

    server, answer = asyncio.run(run())

    assert answer == Answer(200, {"id": "B"})
    assert server.connections == [0, 1]


def test_an_answer_does_not_show_its_data() -> None:
    assert "QJ817XK" not in repr(Answer(200, {"plate": "QJ817XK"}))
