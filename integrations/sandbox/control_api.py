"""The server's side of the control: what it holds, what it was sent, what it is to do wrong."""

import json
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from aiohttp import web

from integrations.sandbox import misbehaviour, records, showing
from integrations.sandbox.misbehaviour import THEIR_OWN, Kind, Misbehaviour
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import Record
from integrations.sandbox.state import Entry, State


class Controlled(NamedTuple):
    """One provider as the control sees it."""

    provider: Provider
    state: State
    secrets: Mapping[str, str]

    def reset(self) -> None:
        """Forget everything."""
        self.state.reset()
        self.provider.reset()


async def handle(
    request: web.BaseRequest, path: str, providers: Mapping[str, Controlled], expire: Callable[[], None]
) -> web.Response:
    """Answer `/_control/reset` and `/_control/<provider>/{held,counts,requests,misbehave,behave,reset,hold,drop}`.

    `expire` closes the connections whose certificate is to have expired.
    """
    name, _, verb = path.partition("?")[0].partition("/")
    if (request.method, name, verb) == ("POST", "reset", ""):
        for every in providers.values():
            every.reset()
        return web.json_response({})
    if name not in providers:
        return _wrong(404, "no such provider")
    try:
        match request.method:
            case "GET":
                found = _shown(request, providers[name], verb)
            case "POST":
                found = _done(providers[name], verb, await request.read(), expire)
            case _:
                found = None
    except (ValueError, KeyError, TypeError) as error:
        return _wrong(400, str(error))
    return _wrong(404, "no such control") if found is None else web.json_response(found)


def _shown(request: web.BaseRequest, one: Controlled, verb: str) -> object:
    """Return the answer to a question, or None if there is no such question."""
    match verb:
        case "held":
            return _held(one.provider.held, request.query.get("reference"))
        case "counts":
            return _counts(one)
        case "requests":
            return _requests(request, one)
    return None


def _done(one: Controlled, verb: str, body: bytes, expire: Callable[[], None]) -> dict[str, object] | None:
    """Carry out an order and return an empty answer, or None if there is no such order."""
    match verb:
        case "misbehave":
            order = misbehaviour.parse(json.loads(body), time.monotonic())
            _check(one.provider, order)
            one.state.misbehave(order)
            if order.kind is Kind.EXPIRED_CERTIFICATE:
                expire()
        case "behave":
            one.state.behave()
        case "reset":
            one.reset()
        case "hold":
            _hold(one.provider, json.loads(body))
        case "drop":
            one.provider.drop(json.loads(body)["reference"])
        case _:
            return None
    return {}


def _wrong(status: int, problem: str) -> web.Response:
    return web.json_response({"problem": problem}, status=status)


def _held(held: Mapping[str, Record], only: str | None) -> dict[str, object]:
    if only is None:
        return {reference: records.to_json(record) for reference, record in held.items() if _ours(reference)}
    found = held.get(only)
    return {} if found is None else {only: records.to_json(found)}


def _counts(one: Controlled) -> dict[str, int]:
    return {
        "held": len(one.provider.held),
        "foreign": sum(not _ours(reference) for reference in one.provider.held),
        "received": one.state.received,
        "applied": one.state.applied,
        "late": one.state.late,
    }


def _ours(reference: str) -> bool:
    """Tell by the length, which is quick for a million of them."""
    return len(reference) == records.REFERENCE_LENGTH


def _check(provider: Provider, order: Misbehaviour) -> None:
    """Refuse an order that the provider could not follow."""
    if (order.kind in THEIR_OWN and order.kind not in provider.kinds) or (
        order.kind is Kind.EXPIRED_CERTIFICATE and not provider.tls
    ):
        raise ValueError(f"this provider is not capable of {order.kind}")


def _hold(provider: Provider, order: dict[str, object]) -> None:
    """Hold one record, or as many numbered ones as asked for."""
    match order:
        case {"reference": str() as reference, "record": dict() as record}:
            provider.hold(reference, records.from_json(record))
        case {"count": int() as count}:
            for number in range(1, count + 1):
                provider.hold(*records.numbered(number))
        case _:
            raise ValueError("hold takes a reference and a record, or a count")


def _requests(request: web.BaseRequest, one: Controlled) -> list[dict[str, object]]:
    only, after = request.query.get("reference"), int(request.query.get("after", "0"))
    return [
        _entry(entry, one.secrets)
        for entry in one.state.log
        if entry.sequence > after and (only is None or only in entry.references)
    ]


def _entry(entry: Entry, secrets: Mapping[str, str]) -> dict[str, object]:
    return {
        "sequence": entry.sequence,
        "method": entry.sent.method,
        "path": entry.sent.path,
        "headers": showing.headers(entry.sent.headers.items(), secrets),
        "body": showing.text(entry.sent.body.decode(errors="replace"), secrets),
        "references": entry.references,
        "status": entry.status,
        "arrived_ms": entry.arrived_ms,
        "applied_ms": entry.applied_ms,
    }
