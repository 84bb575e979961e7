"""The one way out: a bounded HTTP exchange with a provider, and every failure in our words."""

import json
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Literal

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError

CONNECT_SECONDS = 2.0  # shorter than a request's deadline, so that a dead host is told from a slow answer
BACKSTOP_SECONDS = 15.0  # between two bytes; the caller's own deadline is much shorter
KEEPALIVE_SECONDS = 15.0  # shorter than servers', who would otherwise close under a request
LARGEST_ANSWER = 1_000_000  # bytes
LONGEST_RETRY_AFTER = 86_400.0  # seconds; a provider must not be able to park its lane for longer

TOO_EARLY = frozenset({408, 425})  # 4xx in number, but the request was not looked at
NO_BODY = b""


@cache
def _trust() -> ssl.SSLContext:
    """Load the system's certificate authorities once; it takes as long as fifty requests."""
    return ssl.create_default_context()


def _transport(connections: int) -> httpx.AsyncBaseTransport:
    """Make the transport; `httpx.AsyncHTTPTransport` is a drop-in, but gets slower with each request in flight."""

    trust = _trust()

    def session() -> aiohttp.ClientSession:
        made = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEPALIVE_SECONDS, ssl=trust),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
        )
        # aiohttp sends a PUT or DELETE again by itself when a kept connection breaks. What may have been applied must
        # be reported instead; there is no public switch (its own test client sets this one).
        made._retry_connection = False
        return made

    return AiohttpTransport(verify=trust, client=session)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered: the status and the parsed JSON (None for an empty body)."""

    status: int
    data: object = field(repr=False)


class ProviderClient:
    """HTTP with one provider: its address, its headers, its connections.

    The transport is used without `httpx.AsyncClient`: no redirect, cookie or proxy can then change where data goes, no
    URL is logged, and it takes half the time. The caller bounds each exchange with `asyncio.timeout_at`; a cancelled
    exchange closes its connection.
    """

    def __init__(
        self,
        provider: str,
        url: str,
        headers: Mapping[str, str],
        *,
        connections: int,
        refusal: Callable[[object], FailureCode],
    ) -> None:
        """Prepare without connecting; `refusal` finds our word for the provider's error document."""
        self._provider = provider
        self._url = url
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        self._refusal = refusal
        self._transport = _transport(connections)

    async def exchange(
        self,
        method: Literal["GET", "POST", "PUT", "DELETE"],
        path: str,
        body: object = None,
        *,
        accept: Collection[int] = (),
    ) -> Answer:
        """Send one request once and return the answer of a success, or of an accepted 4xx status.

        Raises:
            ProviderError: anything else.
        """
        headers, content = self._headers, None
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        timeout = {"connect": CONNECT_SECONDS, "read": BACKSTOP_SECONDS, "write": BACKSTOP_SECONDS}
        request = httpx.Request(
            method, self._url + path, headers=headers, content=content, extensions={"timeout": timeout}
        )
        try:
            response = await self._transport.handle_async_request(request)
            raw = await self._read(response)
        except (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            raise self._broken(error) from None
        data, readable = _parse(raw, response)
        if failure := self._failed(response, data, readable, accept):
            raise failure
        return Answer(response.status_code, data)

    def unreadable(self, answer: Answer) -> UnclearError:
        """Return the error for an answer that parses but does not say what the provider's contract promises."""
        return UnclearError(self._provider, FailureCode.ANSWER_UNREADABLE, status=answer.status)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        read = bytearray()
        try:
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > LARGEST_ANSWER:
                    raise UnclearError(self._provider, FailureCode.ANSWER_TOO_LARGE, status=response.status_code)
        finally:
            await response.aclose()
        return bytes(read)

    def _broken(self, error: Exception) -> ProviderError:
        """Name what happened when no answer came."""
        # The transport calls every broken connection a connect time-out; only aiohttp's own error tells them apart.
        cause = error.__cause__ or error
        if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return NotSentError(self._provider, FailureCode.NOT_CONNECTED)
        if isinstance(cause, aiohttp.ClientError):
            timed_out = isinstance(cause, TimeoutError)
        elif isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return NotSentError(self._provider, FailureCode.NOT_CONNECTED)
        else:
            timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
        return UnclearError(self._provider, FailureCode.TIMED_OUT if timed_out else FailureCode.CONNECTION_LOST)

    def _failed(
        self, response: httpx.Response, data: object, readable: bool, accept: Collection[int]
    ) -> ProviderError | None:
        """Judge an answer by its status; None is a success."""
        status, provider = response.status_code, self._provider
        if status == 429:
            retry_after = _retry_after(response.headers)
            return NotSentError(provider, FailureCode.THROTTLED, status=status, retry_after=retry_after)
        if status == 503:  # a gateway also says so after its back end took the request
            retry_after = _retry_after(response.headers)
            return UnclearError(provider, FailureCode.UNAVAILABLE, status=status, retry_after=retry_after)
        if status in {401, 403}:
            return NotSentError(provider, FailureCode.UNAUTHORISED, status=status)
        if status in TOO_EARLY:
            return NotSentError(provider, FailureCode.UNAVAILABLE, status=status)
        if status >= 500:
            return UnclearError(provider, FailureCode.SERVER_ERROR, status=status)
        if 300 <= status < 400:
            return UnclearError(provider, FailureCode.REDIRECTED, status=status)
        if not readable:
            # Also for a 4xx: not the provider's own words, so somebody in between speaks. A wrong page at their address
            # must neither park a permit for good nor pass for "we hold nothing of that reference".
            return UnclearError(provider, FailureCode.ANSWER_UNREADABLE, status=status)
        if status >= 400 and status not in accept:
            return RejectedError(provider, self._refusal(data), status=status)
        return None


def _parse(raw: bytes, response: httpx.Response) -> tuple[object, bool]:
    """Return the JSON of an answer and whether it can be read; an empty success is read as None."""
    if raw == NO_BODY:
        return None, response.is_success
    try:
        return json.loads(raw), True
    except (ValueError, RecursionError):
        return None, False


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds that a Retry-After header asks for, be it a number or a date; None when there is none."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), LONGEST_RETRY_AFTER)
    until = _moment(value)
    if until is None:
        return None
    now = _moment(headers.get("date", "")) or datetime.now(UTC)  # their own clock, so that a wrong one does not matter
    return min(max((until - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _moment(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
