"""Connections to one provider: to whom they lead, whom they trust, and which certificate they show.

The transport is used without `httpx.AsyncClient`: no redirect, cookie or proxy can then change where data goes, no URL
is logged, and it takes half the time.
"""

import os
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from socket import AF_INET, AddressFamily
from urllib.parse import urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from integrations.addresses import is_literal, is_public
from integrations.answers import LARGEST_ANSWER
from integrations.deadline import BoundedRequest, connect_by
from integrations.errors import FailureCode
from integrations.settings import ProviderSettings

CONNECT_SECONDS = 2.0  # shorter than a request's deadline, so that a dead host is told from a slow answer
REACH_SECONDS = 2.5  # for a free connection, the host's address and the connection together; shorter, too
BACKSTOP_SECONDS = 15.0  # between two bytes; the caller's own deadline is much shorter
KEEPALIVE_SECONDS = 15.0  # shorter than servers', who would otherwise close under a request
LARGEST_FIELD = 65_536  # bytes of a header, or of the status line; gateways put policies and cookies there
MOST_HEADERS = 256  # lines
TIMEOUT = {"pool": REACH_SECONDS, "connect": CONNECT_SECONDS, "read": BACKSTOP_SECONDS, "write": BACKSTOP_SECONDS}


class AddressRefusedError(OSError):
    """A host is at an address that is not public."""


class BodyError(Exception):
    """An answer has begun, and its body was not read to its end; `code` says why."""

    def __init__(self, response: httpx.Response, code: FailureCode) -> None:
        super().__init__(code)
        self.response = response
        self.code = code


class PublicResolver(AbstractResolver):
    """Look a name up, and refuse it when any of its addresses is not public."""

    def __init__(self, resolver: AbstractResolver) -> None:
        """Ask this resolver."""
        self._resolver = resolver

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        """Return a name's addresses.

        Raises:
            AddressRefusedError: not all of them are public.
        """
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise AddressRefusedError
        return found

    async def close(self) -> None:
        """Close the resolver that is asked."""
        await self._resolver.close()


class _Response(aiohttp.ClientResponse):
    """An answer without its reason: those words are for people, and httpx takes none but of UTF-8."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        await super().start(connection)
        self.reason = None
        return self


@dataclass(slots=True)
class _Pool:
    """Connections under one set of certificates; closed when they are replaced and the last request has ended."""

    transport: httpx.AsyncBaseTransport
    requests: int = 0
    replaced: bool = False


class Transport:
    """Exchange requests and whole answers, over kept connections.

    Certificates are read again when a file changes. Requests that are under way end on the connections they have; a
    file that cannot be read, such as one half written, changes nothing.
    """

    def __init__(self, access: ProviderSettings, certificate: Path | None, connections: int) -> None:
        """Prepare without connecting.

        Raises:
            OSError: a certificate cannot be read.
        """
        self._access = access
        self._certificate = certificate
        self._connections = connections
        host = urlsplit(access.url).hostname or ""
        self._refused = not access.development and is_literal(host) and not is_public(host)
        self._files = [str(file) for file in (access.authority, certificate) if file is not None]
        self._seen = self._looked_at()
        self._pool = self._make()

    async def exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Send a request once and read its answer whole.

        Raises:
            AddressRefusedError: the provider's address is not public.
            BodyError: an answer came, and not whole, or it is larger than `LARGEST_ANSWER`.
            httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError: no answer came.
        """
        if self._refused:
            raise AddressRefusedError
        if self._files:
            await self._renew()
        pool = self._pool
        pool.requests += 1
        try:
            response = await pool.transport.handle_async_request(request)
            return response, await _read(response)
        finally:
            pool.requests -= 1
            if pool.replaced and pool.requests == 0:
                await pool.transport.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.transport.aclose()

    def _make(self) -> _Pool:
        return _Pool(_open(_context(self._access.authority, self._certificate), self._connections, self._access))

    async def _renew(self) -> None:
        """Open new connections from now on if a certificate's file has changed."""
        seen = self._looked_at()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            made = self._make()
        except OSError:
            return
        old, self._pool = self._pool, made
        old.replaced = True
        if old.requests == 0:
            await old.transport.aclose()

    def _looked_at(self) -> list[tuple[int, int, int] | None]:
        return [_state(file) for file in self._files]


def _state(file: str) -> tuple[int, int, int] | None:
    """Return what changes with a file's content; None when there is no file."""
    try:
        found = os.stat(file)  # noqa: PTH116 - half the time of Path.stat, for each request
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


@cache
def _system() -> ssl.SSLContext:
    """Load the system's certificate authorities once; it takes as long as fifty requests."""
    return ssl.create_default_context()


def _context(authority: Path | None, certificate: Path | None) -> ssl.SSLContext:
    """Return whom to trust and what to show; always a new one where a file is read, as a changed one keeps the old."""
    if authority is None and certificate is None:
        return _system()
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate, password="")  # without one, OpenSSL asks for it
    return context


def _open(trust: ssl.SSLContext, connections: int, access: ProviderSettings) -> httpx.AsyncBaseTransport:
    """Make the transport; `httpx.AsyncHTTPTransport` is a drop-in, but gets slower with each request in flight."""

    def session() -> aiohttp.ClientSession:
        made = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections,
                keepalive_timeout=KEEPALIVE_SECONDS,
                ssl=trust,
                resolver=None if access.development else PublicResolver(aiohttp.ThreadedResolver()),
                socket_factory=connect_by,
            ),
            request_class=BoundedRequest,
            response_class=_Response,
            max_line_size=LARGEST_FIELD,
            max_field_size=LARGEST_FIELD,
            max_headers=MOST_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
        )
        # aiohttp sends a PUT or DELETE again by itself when a kept connection breaks. What may have been applied must
        # be reported instead; there is no public switch (its own test client sets this one).
        made._retry_connection = False  # noqa: SLF001 - tests/guard/test_private_names.py
        return made

    return AiohttpTransport(verify=trust, client=session)


async def _read(response: httpx.Response) -> bytes:
    read = bytearray()
    try:
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) > LARGEST_ANSWER:
                raise BodyError(response, FailureCode.ANSWER_TOO_LARGE)
    except (httpx.ReadTimeout, TimeoutError):
        raise BodyError(response, FailureCode.TIMED_OUT) from None
    except (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError):
        raise BodyError(response, FailureCode.ANSWER_CUT_SHORT) from None
    finally:
        await response.aclose()
    return bytes(read)
