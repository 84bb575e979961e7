"""How an answer leaves: as it is, or as an order to misbehave says."""

import asyncio
import json
import socket
import struct
from http import HTTPStatus

from aiohttp import web

from integrations.sandbox.misbehaviour import Kind, Misbehaviour
from integrations.sandbox.records import Answer

LARGE_BYTES = 1_100_000
GONE_POLL_SECONDS = 0.05
DELAY_BY_DEFAULT_MS = 50.0
RETRY_AFTER_BY_DEFAULT = "1"
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset
JSON_TYPE = "application/json"


def delay_ms(order: Misbehaviour) -> float:
    """Return an order's delay."""
    return DELAY_BY_DEFAULT_MS if order.delay_ms is None else order.delay_ms


def response(answer: Answer) -> web.Response:
    """Return an answer as it is."""
    status, body, headers = answer
    if body is None:
        return web.Response(status=status, headers=headers)
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    if "Content-Type" in headers:
        return web.Response(status=status, headers=headers, body=payload)
    return web.Response(status=status, headers=headers, body=payload, content_type=JSON_TYPE)


async def misbehave(order: Misbehaviour, answer: Answer, request: web.BaseRequest) -> web.Response | None:
    """Answer as ordered, or return None once the connection is gone without an answer."""
    if (replaced := _replaced(order, answer)) is not None:
        return replaced
    match order.kind:
        case Kind.SLOW:
            await asyncio.sleep(delay_ms(order) / 1000)
        case Kind.TRICKLE:
            await _trickle(request, answer, delay_ms(order))
            return None
        case Kind.HANG:
            while request.transport is not None:  # noqa: ASYNC110 - the server has no event for a client that leaves
                await asyncio.sleep(GONE_POLL_SECONDS)
            return None
        case Kind.RESET_BEFORE | Kind.RESET_AFTER:
            _reset(request)
            return None
    return response(answer)  # the provider itself may have misbehaved in it


def _replaced(order: Misbehaviour, answer: Answer) -> web.Response | None:
    """Return the answer that is ordered in place of the right one, if any."""
    match order.kind:
        case Kind.DOWN:
            headers = {} if order.retry_after is None else {"Retry-After": order.retry_after}
            return response(Answer(503, b"down for maintenance", headers))
        case Kind.THROTTLED:
            return response(Answer(429, None, {"Retry-After": order.retry_after or RETRY_AFTER_BY_DEFAULT}))
        case Kind.ERROR_BEFORE | Kind.ERROR_AFTER:
            return response(Answer(500, b"internal error"))
        case Kind.LATE:
            return response(Answer(504, b"gateway time-out"))
        case Kind.HTML:
            return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
        case Kind.TRUNCATED:
            whole = json.dumps(answer.body).encode() if isinstance(answer.body, dict | list) else b'{"a":1}'
            return response(Answer(200, whole[: len(whole) // 2]))
        case Kind.LARGE:
            return response(Answer(200, {"filler": "x" * LARGE_BYTES}))
        case Kind.REDIRECT:
            return response(Answer(307, None, {"Location": "http://elsewhere.invalid/"}))
    return None


async def _trickle(request: web.BaseRequest, answer: Answer, milliseconds: float) -> None:
    """Write the answer past the server, head and all, a byte at a time or as many as each millisecond needs."""
    whole = _raw(response(answer))
    step = max(1, round(len(whole) / max(milliseconds, 1)))
    pause = milliseconds / 1000 * step / len(whole)
    for place in range(0, len(whole), step):
        if request.transport is None:
            return
        request.transport.write(whole[place : place + step])
        await asyncio.sleep(pause)
    if request.transport is not None:
        request.transport.close()


def _raw(ready: web.Response) -> bytes:
    body = ready.body if isinstance(ready.body, bytes) else b""
    lines = [
        f"HTTP/1.1 {ready.status} {HTTPStatus(ready.status).phrase}",
        *(f"{name}: {value}" for name, value in ready.headers.items()),
        *([] if ready.status == HTTPStatus.NO_CONTENT else [f"Content-Length: {len(body)}"]),
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    transport.abort()
