"""The HTTP client: answers in every form of servers and gateways are read, or have the right error."""

import asyncio
import gzip
import json
import zlib

import pytest

from integrations.errors import FailureCode, UnclearError
from integrations.http import Response
from tests.integrations.scripted import Respond, Server, always, exchange, failed, failure, reply, serving

DATA = {"id": "É"}
TEXT = json.dumps(DATA, ensure_ascii=False)
JSON = TEXT.encode()
BOMB = b"[" + b" " * 20_000_000 + b"]"


def headed(*lines: str, body: bytes = JSON, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *lines, "", ""]).encode() + body


def sized(*lines: str, body: bytes = JSON, status: str = "HTTP/1.1 200 OK") -> bytes:
    return headed(f"Content-Length: {len(body)}", *lines, body=body, status=status)


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def then_closes(data: bytes) -> Respond:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    return respond


READ = {
    "a long header": sized("X-Policy: " + "y" * 9_000),
    "a header of 60,000 bytes": sized("X-Policy: " + "y" * 60_000),
    "two hundred headers": sized(*(f"X-{number}: y" for number in range(200))),
    "a flood of cookies": sized(*(f"Set-Cookie: a{number}=b; Path=/" for number in range(150))),
    "a long reason": sized(status="HTTP/1.1 200 " + "y" * 9_000),
    "no reason": sized(status="HTTP/1.1 200"),
    "a reason in Latin 1": sized(status="HTTP/1.1 200 Réussi").replace("é".encode(), b"\xe9"),
    "a reason of any bytes": sized(status="HTTP/1.1 200 é").replace("é".encode(), b"\xff\xfe"),
    "a folded header": sized("X-Folded: a\r\n  b"),
    "lines that end in LF": sized("X: y").replace(b"\r\n", b"\n"),
    "a header twice": sized("Content-Type: application/json", "Content-Type: application/json"),
    "chunks": headed(
        "Transfer-Encoding: chunked",
        body=b"3\r\n" + JSON[:3] + b"\r\n%x\r\n" % len(JSON[3:]) + JSON[3:] + b"\r\n0\r\n\r\n",
    ),
    "chunks with extensions and a trailer": headed(
        "Transfer-Encoding: chunked",
        "Trailer: X-Sum",
        body=b"%x;a=b\r\n" % len(JSON) + JSON + b"\r\n0\r\nX-Sum: 1\r\n\r\n",
    ),
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + sized(),
    "an unexpected continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + sized(),
    "a byte order mark": sized(body=b"\xef\xbb\xbf" + JSON),
    "UTF-16": sized("Content-Type: application/json; charset=utf-16", body=TEXT.encode("utf-16")),
    "UTF-16, not said": sized(body=TEXT.encode("utf-16-le")),
    "UTF-32": sized(body=TEXT.encode("utf-32")),
    "Latin 1": sized("Content-Type: application/json; charset=ISO-8859-1", body=TEXT.encode("latin-1")),
    "Latin 1 by another name": sized("Content-Type: text/json; charset=ISO_8859-1", body=TEXT.encode("latin-1")),
    "windows-1252": sized("Content-Type: application/json; charset=windows-1252", body=TEXT.encode("cp1252")),
    "UTF-8 called Latin 1": sized("Content-Type: application/json; charset=ISO-8859-1"),
    "an unknown charset of ASCII": sized("Content-Type: application/json; charset=x-ours", body=b'{"id":"\\u00c9"}'),
    "gzip": sized("Content-Encoding: gzip", body=gzip.compress(JSON)),
    "gzip by its old name": sized("Content-Encoding: X-GZip", body=gzip.compress(JSON)),
    "gzip in two pieces": sized("Content-Encoding: gzip", body=gzip.compress(JSON[:4]) + gzip.compress(JSON[4:])),
    "gzip in chunks": headed(
        "Transfer-Encoding: chunked",
        "Content-Encoding: gzip",
        body=b"%x\r\n" % len(gzip.compress(JSON)) + gzip.compress(JSON) + b"\r\n0\r\n\r\n",
    ),
    "gzip that fills a block": sized("Content-Encoding: gzip", body=gzip.compress(JSON) + bytes(20)),
    "gzip that is not announced": sized(body=gzip.compress(JSON)),
    "gzip as a transfer coding": headed(
        "Transfer-Encoding: gzip, chunked",
        body=b"%x\r\n" % len(gzip.compress(JSON)) + gzip.compress(JSON) + b"\r\n0\r\n\r\n",
    ),
    "deflate": sized("Content-Encoding: deflate", body=zlib.compress(JSON)),
    "deflate without its frame": sized("Content-Encoding: deflate", body=bare(JSON)),
    "identity": sized("Content-Encoding: identity"),
    "an empty encoding": sized("Content-Encoding: "),
}
EMPTY = {
    "nothing": sized(body=b""),
    "a line feed": sized(body=b"\r\n"),
    "gzip of nothing": sized("Content-Encoding: gzip", body=gzip.compress(b"")),
    "nothing, called gzip": sized("Content-Encoding: gzip", body=b""),
}
UNTIL_CLOSED = {
    "HTTP/1.0": headed("Content-Type: application/json", status="HTTP/1.0 200 OK"),
    "no length": headed(),
}
BROKEN_OFF = {
    FailureCode.HEAD_TOO_LARGE,
    FailureCode.HEAD_UNREADABLE,
    FailureCode.ANSWER_CUT_SHORT,
    FailureCode.CONNECTION_LOST,
}
UNREAD = {
    "a header beyond the bound": (sized("X: " + "y" * 100_000), FailureCode.HEAD_TOO_LARGE),
    "a reason beyond the bound": (sized(status="HTTP/1.1 200 " + "y" * 100_000), FailureCode.HEAD_TOO_LARGE),
    "a thousand headers": (sized(*(f"X-{number}: y" for number in range(1_000))), FailureCode.HEAD_TOO_LARGE),
    "a thousand cookies": (sized(*(["Set-Cookie: a=b"] * 1_000)), FailureCode.HEAD_TOO_LARGE),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", FailureCode.HEAD_UNREADABLE),
    "a page without a head": (b"<html>\r\n\r\n", FailureCode.HEAD_UNREADABLE),
    "a header without a colon": (b"HTTP/1.1 200 OK\r\nnothing\r\n\r\n", FailureCode.HEAD_UNREADABLE),
    "a status below all": (sized(status="HTTP/1.1 099 OK"), FailureCode.ANSWER_UNREADABLE),
    "a status of letters": (b"HTTP/1.1 abc OK\r\n\r\n", FailureCode.HEAD_UNREADABLE),
    "a length of letters": (headed("Content-Length: ten"), FailureCode.HEAD_UNREADABLE),
    "two lengths": (headed("Content-Length: 1", "Content-Length: 2"), FailureCode.HEAD_UNREADABLE),
    "nothing": (b"", FailureCode.CONNECTION_LOST),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", FailureCode.CONNECTION_LOST),
    "half a body": (headed("Content-Length: 50"), FailureCode.ANSWER_CUT_SHORT),
    "half a chunk": (headed("Transfer-Encoding: chunked", body=b"50\r\n{"), FailureCode.ANSWER_CUT_SHORT),
    "chunks without an end": (headed("Transfer-Encoding: chunked", body=b"2\r\n{}\r\n"), FailureCode.ANSWER_CUT_SHORT),
    "a length that is too short": (headed("Content-Length: 3"), FailureCode.HEAD_UNREADABLE),
    "brotli": (sized("Content-Encoding: br", body=b"\x0b\x02\x80{}\x03"), FailureCode.ENCODING_UNKNOWN),
    "zstd": (sized("Content-Encoding: zstd"), FailureCode.ENCODING_UNKNOWN),
    "gzip twice": (
        sized("Content-Encoding: gzip, gzip", body=gzip.compress(gzip.compress(JSON))),
        FailureCode.ENCODING_UNKNOWN,
    ),
    "gzip in two headers": (sized("Content-Encoding: gzip", "Content-Encoding: deflate"), FailureCode.ENCODING_UNKNOWN),
    "gzip that is none": (sized("Content-Encoding: gzip"), FailureCode.ENCODING_BROKEN),
    "half of a gzip": (sized("Content-Encoding: gzip", body=gzip.compress(JSON)[:-9]), FailureCode.ENCODING_BROKEN),
    "a gzip with something behind it": (
        sized("Content-Encoding: gzip", body=gzip.compress(JSON) + b"x"),
        FailureCode.ENCODING_BROKEN,
    ),
    "deflate that is none": (sized("Content-Encoding: deflate", body=b"\xff" * 9), FailureCode.ENCODING_BROKEN),
    "a bomb": (sized("Content-Encoding: gzip", body=gzip.compress(BOMB)), FailureCode.ANSWER_TOO_LARGE),
    "a bomb in pieces": (
        sized("Content-Encoding: gzip", body=gzip.compress(b" " * 60_000) * 40),
        FailureCode.ANSWER_TOO_LARGE,
    ),
    "a deflated bomb": (sized("Content-Encoding: deflate", body=bare(BOMB)), FailureCode.ANSWER_TOO_LARGE),
    "an unknown charset": (
        sized("Content-Type: application/json; charset=x-ours", body=TEXT.encode("latin-1")),
        FailureCode.CHARSET_UNKNOWN,
    ),
    "no charset": (sized(body=TEXT.encode("latin-1")), FailureCode.CHARSET_UNKNOWN),
}


@pytest.mark.parametrize("data", READ.values(), ids=READ)
def test_an_answer_is_read_and_its_connection_kept(data: bytes) -> None:
    async def twice() -> tuple[Server, list[Response]]:
        async with serving(always(data)) as (server, found):
            return server, [await found.exchange("PUT", "/thing", {}) for _ in range(2)]

    server, answers = asyncio.run(twice())

    assert [answer.data for answer in answers] == [DATA, DATA]
    assert server.connections == [0, 0]


@pytest.mark.parametrize("data", EMPTY.values(), ids=EMPTY)
def test_a_success_without_a_body_has_no_data(data: bytes) -> None:
    assert exchange(always(data)) == Response(200, None)


@pytest.mark.parametrize("data", UNTIL_CLOSED.values(), ids=UNTIL_CLOSED)
def test_an_answer_that_ends_with_its_connection_is_read(data: bytes) -> None:
    assert exchange(then_closes(data)).data == DATA


@pytest.mark.parametrize(("data", "code"), UNREAD.values(), ids=UNREAD)
def test_an_unreadable_answer_names_its_fault_and_closes_the_connection(data: bytes, code: FailureCode) -> None:
    async def once() -> tuple[Server, list[object]]:
        async def respond(number: int, writer: asyncio.StreamWriter) -> None:
            writer.write(sized() if number else data)
            if not number and code in BROKEN_OFF:
                writer.close()

        async with serving(respond) as (server, found):
            error = await failed(found)
            return server, [type(error), error.code, (await found.exchange("PUT", "/thing", {})).data]

    server, found = asyncio.run(once())

    assert found == [UnclearError, code, DATA]
    assert len(server.requests) == 2  # one each: nothing is retried


@pytest.mark.parametrize("data", [headed("Content-Length: 50"), sized("Content-Encoding: br")])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("429 Too Many Requests", FailureCode.THROTTLED),
        ("401 Unauthorized", FailureCode.UNAUTHORISED),
        ("503 Service Unavailable", FailureCode.UNAVAILABLE),
        ("500 Internal Server Error", FailureCode.SERVER_ERROR),
    ],
)
def test_some_statuses_are_judged_without_their_body(data: bytes, status: str, code: FailureCode) -> None:
    assert failure(then_closes(data.replace(b"200 OK", status.encode()))).code == code


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found"])
def test_an_unreadable_refusal_is_unclear(status: str) -> None:
    found = failure(always(reply(status, JSON, "Content-Encoding: br")))

    assert (type(found), found.code) == (UnclearError, FailureCode.ENCODING_UNKNOWN)
    assert found.status == int(status[:3])
