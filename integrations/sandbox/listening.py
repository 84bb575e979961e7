"""The sandbox's two ports: plain HTTP, and HTTPS with an optional client certificate."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from integrations.sandbox.access import Access
from integrations.sandbox.server import Sandbox

BACKLOG = 1024


class Addresses(NamedTuple):
    """The sandbox's addresses."""

    plain: str
    tls: str


@asynccontextmanager
async def listening(
    sandbox: Sandbox, access: Access, *, host: str, port: int, tls_port: int
) -> AsyncIterator[Addresses]:
    """Serve both ports; 0 is a free one.

    Raises:
        OSError: a port cannot be opened.
    """
    plain = web.ServerRunner(web.Server(sandbox.handle, access_log=None), shutdown_timeout=0)
    secure = web.Server(sandbox.handle, access_log=None)
    secured = web.ServerRunner(secure, shutdown_timeout=0)

    def close_secure() -> None:
        for connection in secure.connections:
            connection.force_close()  # even during a request

    sandbox.on_expiry = close_secure
    await plain.setup()
    await secured.setup()
    try:
        first = web.TCPSite(plain, host, port, backlog=BACKLOG)
        context = _context(access, sandbox.certificate_expired)
        second = web.TCPSite(secured, host, tls_port, backlog=BACKLOG, ssl_context=context)
        await first.start()
        await second.start()
        yield Addresses(f"http://{host}:{first.port}", f"https://{host}:{second.port}")
    finally:
        await secured.cleanup()
        await plain.cleanup()


async def serve(
    sandbox: Sandbox,
    access: Access,
    ready: Callable[[Addresses], None],
    *,
    host: str = "127.0.0.1",
    port: int,
    tls_port: int,
) -> None:
    """Serve both ports until the process is asked to end; `ready` is called with the addresses.

    Raises:
        OSError: a port cannot be opened.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with listening(sandbox, access, host=host, port=port, tls_port=tls_port) as addresses:
        ready(addresses)
        await stop.wait()


def _context(access: Access, expired: Callable[[], bool]) -> ssl.SSLContext:
    """Return a server's context that chooses its certificate at each handshake."""
    valid = _showing(access.server_certificate, access.authority)
    past = _showing(access.expired_certificate, access.authority)

    def choose(connection: ssl.SSLObject, _name: str | None, _own: ssl.SSLContext) -> None:
        if expired():
            connection.context = past

    valid.sni_callback = choose
    return valid


def _showing(certificate: Path, authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL  # the provider itself refuses a request without one
    context.num_tickets = 0  # a resumed session would not show the certificate again
    return context
