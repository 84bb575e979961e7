"""The HTTP client: the content of requests."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from integrations.http import ProviderClient, Response
from tests.integrations.scripted import KEY, Server, always, reply, serving


def header_lines(head: bytes) -> set[str]:
    return set(head.decode().lower().split("\r\n")[1:])


def sent(ask: Callable[[ProviderClient], Awaitable[Response]], data: bytes = reply("200 OK")) -> tuple[bytes, Response]:
    """Return the request of one exchange, and its response."""

    async def once() -> tuple[bytes, Response]:
        async with serving(always(data)) as (server, found):
            answer = await ask(found)
        (request,) = server.requests
        return request, answer

    return asyncio.run(once())


def test_only_needed_headers_are_sent_and_connections_kept() -> None:
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


def test_a_patch_carries_its_body() -> None:
    request, _ = sent(lambda found: found.exchange("PATCH", "/thing", [1, None]))

    assert request.startswith(b"PATCH /base/thing HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n[1,null]")


def test_a_query_arrives_unchanged() -> None:
    query = {"since": "2024-03-31T01:30:00+01:00", "after": "a/b&c=d é%2F", "empty": ""}

    request, _ = sent(lambda found: found.exchange("GET", f"/things?{urlencode(query)}"))

    target = urlsplit(request.split()[1].decode())
    assert target.path == "/base/things"
    assert dict(parse_qsl(target.query, keep_blank_values=True)) == query
    assert b"content-type" not in request.lower()


def test_a_form_is_sent_as_a_form() -> None:
    request, _ = sent(lambda found: found.exchange("POST", "/token", form={"grant_type": "a b", "scope": "é&"}))

    head, body = request.split(b"\r\n\r\n")
    assert "content-type: application/x-www-form-urlencoded" in header_lines(head)
    assert body == b"grant_type=a+b&scope=%C3%A9%26"


def test_the_location_header_is_returned() -> None:
    _, answer = sent(
        lambda found: found.exchange("PUT", "/thing", {}), reply("202 Accepted", b"", "Location: /workflows/1")
    )

    assert answer == Response(202, None, "/workflows/1")
    assert "workflows" not in repr(answer)


@pytest.mark.parametrize("path", ["", "@elsewhere.example/", ".elsewhere.example/", "https://elsewhere.example/"])
def test_a_path_cannot_lead_to_another_host(path: str) -> None:
    with pytest.raises(AssertionError):
        sent(lambda found: found.exchange("GET", path))
