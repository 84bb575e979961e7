"""The HTTP seam: what a request carries."""

import asyncio

from tests.integrations.scripted import KEY, Server, always, reply, serving


def header_lines(head: bytes) -> set[str]:
    return set(head.decode().lower().split("\r\n")[1:])


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
