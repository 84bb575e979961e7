"""The sandbox's HTTP: each provider's contract under `/<provider>/`, the control under `/_control/`.

Measured on one core: aiohttp's low-level server, with its parser in C, answers three times as many requests as uvicorn
with h11 (20,000/s against 6,500/s, empty), and the sandbox shares its cores with the measured processes.
"""

import os
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from zoneinfo import ZoneInfo

from aiohttp import web

import integrations.sandbox
from integrations.sandbox import answering, control_api
from integrations.sandbox.access import Access
from integrations.sandbox.control_api import Controlled
from integrations.sandbox.misbehaviour import APPLIED_AT_ONCE, APPLIED_LATER, THEIR_OWN, Kind
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import Sent
from integrations.sandbox.state import State, monotonic_ms

LOG_LIMIT = 5_000  # requests kept for each provider: about a kilobyte each


def find() -> dict[str, type[Provider]]:
    """Return every provider's server class by name: from the modules here that define a `Server`."""
    found = {}
    for module in iter_modules(integrations.sandbox.__path__):
        if module.name != "__main__":
            server = getattr(import_module(f"{integrations.sandbox.__name__}.{module.name}"), "Server", None)
            if server is not None:
                found[module.name] = server
    return found


def city_zone() -> ZoneInfo:
    """Return the city's time zone, as in the hub.

    Raises:
        ValueError: the setting is not a time zone.
    """
    name = os.environ.get("PERMIT_HUB_TIME_ZONE", "Europe/Paris")
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("PERMIT_HUB_TIME_ZONE is wrong: not a time zone of the IANA database") from None


class Sandbox:
    """All providers in one server."""

    def __init__(
        self,
        access: Access,
        zone: ZoneInfo,
        log_limit: int = LOG_LIMIT,
    ) -> None:
        """Serve an access's providers to clients with their secrets."""
        self._providers = {
            name: Controlled(server(access.secrets[name], zone), State(log_limit), access.secrets[name])
            for name, server in access.servers.items()
        }
        self.on_expiry: Callable[[], None] = lambda: None  # called when the certificate expires

    def certificate_expired(self) -> bool:
        """Return whether a handshake gets an expired certificate."""
        return any(one.state.certificate_expired() for one in self._providers.values())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        arrived = monotonic_ms()
        name, _, rest = request.raw_path[1:].partition("/")
        if name == "_control":
            return await control_api.handle(request, rest, self._providers, self.on_expiry)
        found, transport = self._providers.get(name), request.transport
        if found is None or transport is None:
            return web.Response(status=404)
        provider, state, _ = found
        if provider.tls and transport.get_extra_info("sslcontext") is None:
            return web.Response(status=404)
        certificate = bool(transport.get_extra_info("peercert"))
        sent = Sent(request.method, f"/{rest}", request.headers, await request.read(), certificate)
        entry = state.enter(sent, arrived)
        reply = provider.answer(sent)
        entry.references = reply.references
        order = state.misbehaviour(sent, reply)
        if order is not None and order.kind is Kind.BUSY:
            await order.serve(answering.delay_ms(order))
            reply, order = provider.answer(sent), None  # again, from the current copies
        if order is None:
            state.apply(reply, entry)
            entry.status = reply.answer.status
            return answering.response(reply.answer)
        if order.kind in THEIR_OWN:
            reply = provider.misbehave(order.kind, reply, order.delay_ms)
        if order.kind in APPLIED_AT_ONCE or order.kind in THEIR_OWN:
            state.apply(reply, entry)
        elif order.kind in APPLIED_LATER and (order.delay_ms is not None or order.kind is Kind.LATE):
            state.apply_later(reply, entry, answering.delay_ms(order))
        response = await answering.misbehave(order, reply.answer, request)
        entry.status = response.status if response is not None else None
        return response if response is not None else web.Response()
