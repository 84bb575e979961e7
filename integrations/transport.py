"""Connections to one provider: allowed addresses, trusted authorities and our certificate.

The transport is used without `httpx.AsyncClient`: so no redirect, cookie or proxy can change where data goes, no URL is
logged, and it takes half the time.
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
from integrations.deadline import BoundedRequest, connect_by, socket_of
from integrations.errors import FailureCode
from integrations.settings import ProviderSettings

CONNECT_SECONDS = 2.0  # shorter than a request's deadline, to tell a dead host from a slow answer
REACH_SECONDS = 2.5  # for a free connection, the lookup and connecting together; shorter, too
BACKSTOP_SECONDS = 15.0  # between two bytes; the caller's own deadline is much shorter
KEEPALIVE_SECONDS = 15.0  # shorter than the servers', which could otherwise close during a request
LARGEST_FIELD = 65_536  # bytes of a header or the status line; gateways send long policies and cookies
MOST_HEADERS = 256  # lines
TIMEOUT = {"pool": REACH_SECONDS, "connect": CONNECT_SECONDS, "read": BACKSTOP_SECONDS, "write": BACKSTOP_SECONDS}


class AddressRefusedError(OSError):
    """A host has an address that is not public."""


class BodyError(Exception):
    """An answer began, but its body could not be read to the end; `code` says why."""

    def __init__(self, response: httpx.Response, code: FailureCode) -> None:
        super().__init__(code)
        self.response = response
        self.code = code


class PublicResolver(AbstractResolver):
    """Look up a name and refuse it if any of its addresses is not public."""

    def __init__(self, resolver: AbstractResolver) -> None:
        """Wrap a resolver."""
        self._resolver = resolver

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        """Return a name's addresses.

        Raises:
            AddressRefusedError: one of them is not public.
        """
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise AddressRefusedError
        return found

    async def close(self) -> None:
        """Close the wrapped resolver."""
        await self._resolver.close()


class _Response(aiohttp.ClientResponse):
    """An answer whose time is noted, without its reason phrase: httpx fails on one that is not UTF-8."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        carrier = socket_of(connection)  # the connection may be released once the answer is there
        await super().start(connection)
        if carrier is not None:
            carrier.note_answer()
        self.reason = None
        return self


@dataclass(slots=True)
class _Pool:
    """Connections with one set of certificates; closed after they are replaced and the last request has ended."""

    transport: httpx.AsyncBaseTransport
    requests: int = 0
    replaced: bool = False


class Transport:
    """Exchange requests and whole answers, over kept connections.

    Certificates are read again when a file changes. Running requests keep their connections. An unreadable file, such
    as one half written, changes nothing.
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
        self._last_states = self._file_states()
        self._pool = self._make()

    async def exchange(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Send a request once and read its whole answer.

        Raises:
            AddressRefusedError: the provider's address is not public.
            BodyError: the answer is incomplete, or larger than `LARGEST_ANSWER`.
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
        """Use new connections if a certificate's file has changed."""
        states = self._file_states()
        if states == self._last_states:
            return
        self._last_states = states
        try:
            made = self._make()
        except OSError:
            return
        old, self._pool = self._pool, made
        old.replaced = True
        if old.requests == 0:
            await old.transport.aclose()

    def _file_states(self) -> list[tuple[int, int, int] | None]:
        return [_state(file) for file in self._files]


def _state(file: str) -> tuple[int, int, int] | None:
    """Return a value that changes with a file's content; None if there is no file."""
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
    """Return the TLS context; always a new one if a file is read, since a context keeps what it has loaded."""
    if authority is None and certificate is None:
        return _system()
    context = ssl.create_default_context(cafile=authority)
    if certificate is not None:
        context.load_cert_chain(certificate, password="")  # without one, OpenSSL asks for it
    return context


def _open(trust: ssl.SSLContext, connections: int, access: ProviderSettings) -> httpx.AsyncBaseTransport:
    """Make the transport; `httpx.AsyncHTTPTransport` would fit, but gets slower with each request in flight."""

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
