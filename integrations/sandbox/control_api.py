"""The server's side of the control: what it holds, what it was sent, what it is to do wrong."""

import json
import time
from collections.abc import Mapping
from uuid import UUID

from aiohttp import web

from integrations.sandbox import misbehaviour
from integrations.sandbox.dialect import Dialect
from integrations.sandbox.records import Record
from integrations.sandbox.state import Entry, State

HIDDEN = "[the right key]"


async def handle(
    request: web.BaseRequest, path: str, states: Mapping[str, State], dialects: Mapping[str, Dialect]
) -> web.Response:
    """Answer `/_control/reset` and `/_control/<provider>/{held,counts,requests,misbehave,behave,reset}`."""
    provider, _, verb = path.partition("?")[0].partition("/")
    if (request.method, provider, verb) == ("POST", "reset", ""):
        for every in states.values():
            every.reset()
        return web.json_response({})
    if provider not in states:
        return _wrong(404, "no such provider")
    state = states[provider]
    try:
        match request.method, verb:
            case "GET", "held":
                return web.json_response(_held(state, _reference(request)))
            case "GET", "counts":
                return web.json_response(
                    {"held": len(state.held), "received": state.received, "applied": state.applied}
                )
            case "GET", "requests":
                return web.json_response(_requests(request, state, dialects[provider].key))
            case "POST", "misbehave":
                state.misbehave(misbehaviour.parse(json.loads(await request.read()), time.monotonic()))
            case "POST", "behave":
                state.behave()
            case "POST", "reset":
                state.reset()
            case _:
                return _wrong(404, "no such control")
    except ValueError as error:
        return _wrong(400, str(error))
    return web.json_response({})


def _wrong(status: int, problem: str) -> web.Response:
    return web.json_response({"problem": problem}, status=status)


def _reference(request: web.BaseRequest) -> UUID | None:
    value = request.query.get("reference")
    return None if value is None else UUID(value)


def _held(state: State, only: UUID | None) -> dict[str, object]:
    if only is None:
        return {str(reference): _record(record) for reference, record in state.held.items()}
    found = state.held.get(only)
    return {} if found is None else {str(only): _record(found)}


def _record(record: Record) -> dict[str, object]:
    return record._asdict() | {
        "first_day": record.first_day.isoformat(),
        "last_day": record.last_day.isoformat(),
    }


def _requests(request: web.BaseRequest, state: State, key: str) -> list[dict[str, object]]:
    only, after = _reference(request), int(request.query.get("after", "0"))
    wanted = "" if only is None else str(only)
    return [_entry(entry, key) for entry in state.log if entry.sequence > after and entry.path.endswith(wanted)]


def _entry(entry: Entry, key: str) -> dict[str, object]:
    return {
        "sequence": entry.sequence,
        "method": entry.method,
        "path": entry.path,
        "headers": {name: value.replace(key, HIDDEN) for name, value in entry.headers},
        "body": entry.body.decode(errors="replace"),
        "status": entry.status,
        "arrived_ms": entry.arrived_ms,
        "applied_ms": entry.applied_ms,
    }
