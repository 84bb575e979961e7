"""The sandbox's HTTP: each provider's contract under `/<provider>/`, the control under `/_control/`.

Measured on one core: aiohttp's low-level server, with its parser in C, answers three times as many requests as uvicorn
with h11 (20,000/s against 6,500/s, empty), and the sandbox shares its cores with what is being measured.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from aiohttp import web

from integrations.sandbox import control_api
from integrations.sandbox.dialect import Dialect
from integrations.sandbox.easypark import EasyPark
from integrations.sandbox.flowbird import Flowbird
from integrations.sandbox.indigo_neo import IndigoNeo
from integrations.sandbox.misbehaviour import APPLIED_AT_ONCE, APPLIED_LATER, Kind, Misbehaviour
from integrations.sandbox.paybyphone import PayByPhone
from integrations.sandbox.records import Answer, Sent
from integrations.sandbox.state import State, monotonic_ms

DIALECTS: Mapping[str, type[Dialect]] = {
    "paybyphone": PayByPhone,
    "flowbird": Flowbird,
    "easypark": EasyPark,
    "indigo_neo": IndigoNeo,
}

LOG_LIMIT = 5_000  # requests kept for each provider: about a kilobyte each
LARGE_BYTES = 1_100_000
GONE_POLL_SECONDS = 0.05
LATE_BY_DEFAULT_MS = 50.0
RETRY_AFTER_BY_DEFAULT = "1"
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset


class Sandbox:
    """All providers in one server."""

    def __init__(self, keys: Mapping[str, str], zone: ZoneInfo, log_limit: int = LOG_LIMIT) -> None:
        """Serve every provider of DIALECTS to whoever shows its key."""
        self._dialects = {name: dialect(keys[name], zone) for name, dialect in DIALECTS.items()}
        self._states = {name: State(log_limit) for name in DIALECTS}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        arrived = monotonic_ms()
        name, _, rest = request.raw_path[1:].partition("/")
        if name == "_control":
            return await control_api.handle(request, rest, self._states, self._dialects)
        if name not in self._dialects:
            return web.Response(status=404)
        sent = Sent(request.method, "/" + rest, request.headers, await request.read())
        state = self._states[name]
        entry = state.enter(sent.method, sent.path, tuple(sent.headers.items()), sent.body, arrived)
        answer, change = self._dialects[name].answer(sent, state.held)
        order = state.misbehaviour(sent.method)
        if order is None:
            state.apply(change, entry)
            entry.status = answer.status
            return _response(answer)
        if order.kind in APPLIED_AT_ONCE:
            state.apply(change, entry)
        elif order.kind in APPLIED_LATER and (order.delay_ms is not None or order.kind is Kind.LATE):
            state.apply_later(change, entry, LATE_BY_DEFAULT_MS if order.delay_ms is None else order.delay_ms)
        response = await _misbehave(order, answer, request)
        entry.status = response.status if response is not None else None
        return response if response is not None else web.Response()


async def _misbehave(order: Misbehaviour, answer: Answer, request: web.BaseRequest) -> web.Response | None:
    """Answer as ordered; None when there is no answer and the connection is gone."""
    match order.kind:
        case Kind.DOWN:
            headers = {} if order.retry_after is None else {"Retry-After": order.retry_after}
            return _response(Answer(503, b"down for maintenance", headers))
        case Kind.THROTTLED:
            return _response(Answer(429, None, {"Retry-After": order.retry_after or RETRY_AFTER_BY_DEFAULT}))
        case Kind.ERROR_BEFORE | Kind.ERROR_AFTER:
            return _response(Answer(500, b"internal error"))
        case Kind.LATE:
            return _response(Answer(504, b"gateway time-out"))
        case Kind.HTML:
            return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
        case Kind.TRUNCATED:
            whole = json.dumps(answer.body).encode() if isinstance(answer.body, Mapping) else b'{"a":1}'
            return _response(Answer(200, whole[: len(whole) // 2]))
        case Kind.LARGE:
            return _response(Answer(200, {"filler": "x" * LARGE_BYTES}))
        case Kind.REDIRECT:
            return _response(Answer(307, None, {"Location": "http://elsewhere.invalid/"}))
        case Kind.SLOW:
            await asyncio.sleep((order.delay_ms or LATE_BY_DEFAULT_MS) / 1000)
            return _response(answer)
        case Kind.HANG:
            while request.transport is not None:  # noqa: ASYNC110 - the server has no event for a client that leaves
                await asyncio.sleep(GONE_POLL_SECONDS)
            return None
        case Kind.RESET_BEFORE | Kind.RESET_AFTER:
            _reset(request)
            return None


def _reset(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    transport.abort()


def _response(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    return web.Response(status=answer.status, headers=answer.headers, body=body, content_type="application/json")
