"""HTTP with a provider: bounded exchanges, with every failure as one of our errors."""

import json
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol
from urllib.parse import urlencode

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from integrations.answers import UnreadableError, read
from integrations.deadline import DeadlinePassedError, OccupiedError, note_request
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.retry_after import retry_after
from integrations.settings import ProviderSettings
from integrations.transport import TIMEOUT, AddressRefusedError, BodyError, Transport

# In TLS 1.3 a server refuses our certificate after our side of the handshake, in place of the first answer.
CERTIFICATE_ALERT = re.compile(r"ALERT.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)")
MANY = "Too many headers"  # aiohttp's message; it has no type for this error

Failure = tuple[type[NotSentError | UnclearError], FailureCode]
FAILURES: Mapping[int, Failure] = MappingProxyType(
    {
        401: (NotSentError, FailureCode.UNAUTHORISED),
        403: (NotSentError, FailureCode.UNAUTHORISED),
        408: (NotSentError, FailureCode.UNAVAILABLE),  # as with 425, the request was not looked at
        425: (NotSentError, FailureCode.UNAVAILABLE),
        429: (NotSentError, FailureCode.THROTTLED),
        503: (UnclearError, FailureCode.UNAVAILABLE),  # a gateway also says so after its back end took the request
        504: (UnclearError, FailureCode.TIMED_OUT),  # a gateway has waited for its back end, as we wait ourselves
    }
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Response:
    """A provider's answer: the status, the parsed JSON (None for an empty body) and the Location header."""

    status: int
    data: object = field(repr=False)
    location: str | None = field(default=None, repr=False)


class Authorisation(Protocol):
    """Renewable headers that authorise requests, such as a token."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that authorise a request now.

        Raises:
            NotSentError: there are none.
        """

    def drop(self, refused: Mapping[str, str]) -> None:
        """Drop these headers: the provider has refused them."""

    async def aclose(self) -> None:
        """Close the connections."""


class ProviderClient:
    """HTTP with one provider: its address, its headers, its connections.

    The caller bounds each exchange with `asyncio.timeout_at`, and its sending with `integrations.deadline`. A cancelled
    exchange closes its connection.
    """

    def __init__(
        self,
        provider: str,
        access: ProviderSettings,
        headers: Mapping[str, str],
        *,
        connections: int,
        refusal: Callable[[object], FailureCode],
        authorisation: Authorisation | None = None,
        certificate: Path | None = None,
    ) -> None:
        """Prepare without connecting.

        Args:
            provider: its name, for errors.
            access: its URL and the authority to trust.
            headers: sent with each request.
            connections: how many may be open at once.
            refusal: returns our code for the provider's error document.
            authorisation: further headers of each request; renewed when refused.
            certificate: the PEM file of our certificate and its key; it may be replaced at any time.
        """
        self._provider = provider
        self._url = access.url
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        self._refusal = refusal
        self._authorisation = authorisation
        self._transport = Transport(access, certificate, connections)

    async def exchange(
        self,
        method: Method,
        path: str,
        body: object = None,
        *,
        form: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> Response:
        """Send one request once and return the answer, if its status is a success or an accepted 4xx.

        With an authorisation, a request answered with 401 (so not applied) is sent once more, with new headers.

        Args:
            method: the HTTP method.
            path: the path below the provider's URL, beginning with a slash; with its query.
            body: sent as JSON, unless it is None.
            form: sent as a form instead.
            accept: the 4xx statuses to return, if their body is JSON.

        Raises:
            ProviderError: there is no such answer.
        """
        note_request()
        headers, content = self._headers, None
        if form is not None:
            headers = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
            content = urlencode(form).encode()
        elif body is not None:
            headers = {**headers, "Content-Type": "application/json"}
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        if self._authorisation is None:
            return await self._send_once(method, path, headers, content, accept)
        granted = await self._authorisation.headers()
        try:
            return await self._send_once(method, path, {**headers, **granted}, content, accept)
        except NotSentError as error:
            if error.status != 401:
                raise
        self._authorisation.drop(granted)
        renewed = await self._authorisation.headers()
        return await self._send_once(method, path, {**headers, **renewed}, content, accept)

    def unreadable(self, answer: Response) -> UnclearError:
        """Return the error for an answer that is JSON but not as in the provider's contract."""
        return UnclearError(self._provider, FailureCode.ANSWER_UNREADABLE, status=answer.status)

    async def aclose(self) -> None:
        """Close the connections, also those of the authorisation."""
        if self._authorisation is not None:
            await self._authorisation.aclose()
        await self._transport.aclose()

    async def _send_once(
        self, method: Method, path: str, headers: Mapping[str, str], content: bytes | None, accept: Collection[int]
    ) -> Response:
        assert path.startswith("/"), "another path could lead to another host"
        url = self._url + path
        request = httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": TIMEOUT})
        problem: FailureCode | None
        broken: ProviderError | None = None
        try:
            response, raw = await self._transport.exchange(request)
            data, problem = read(raw, response), None
        except BodyError as error:
            response, data, problem = error.response, None, error.code
        except UnreadableError as error:
            data, problem = None, error.code
        except (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            broken = self._connection_error(error)
        if broken is None:
            broken = self._status_error(response, data, problem, accept)
        if broken is None:
            return Response(response.status_code, data, response.headers.get("location"))
        raise broken  # outside of the handlers: the cause, which may show an address, must not be attached

    def _connection_error(self, error: Exception) -> ProviderError:
        """Return the error for an exchange without an answer."""
        # The transport raises a connect time-out for every broken connection; aiohttp's own error is exact.
        cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
        if (known := self._broken_by(_origin(cause))) is not None:
            return known
        if _handshake_failed(cause):
            return NotSentError(self._provider, FailureCode.CERTIFICATE_WRONG)
        if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return NotSentError(self._provider, FailureCode.NOT_CONNECTED)
        if isinstance(cause, aiohttp.ClientError):
            timed_out = isinstance(cause, TimeoutError)
        elif isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return NotSentError(self._provider, FailureCode.NOT_CONNECTED)
        else:
            timed_out = isinstance(error, httpx.TimeoutException | TimeoutError)
        return UnclearError(self._provider, FailureCode.TIMED_OUT if timed_out else FailureCode.CONNECTION_LOST)

    def _broken_by(self, origin: BaseException) -> ProviderError | None:
        """Name what happened if its origin is an error of this package, or a head that cannot be read."""
        match origin:
            case DeadlinePassedError(begun=False):
                return NotSentError(self._provider, FailureCode.DEADLINE_PASSED)
            case DeadlinePassedError():
                return UnclearError(self._provider, FailureCode.TIMED_OUT)
            case AddressRefusedError():
                return NotSentError(self._provider, FailureCode.ADDRESS_REFUSED)
            case OccupiedError():
                return NotSentError(self._provider, FailureCode.NOT_CONNECTED)
            case LineTooLong():
                return UnclearError(self._provider, FailureCode.HEAD_TOO_LARGE)
            case HttpProcessingError():
                code = FailureCode.HEAD_TOO_LARGE if MANY in origin.message else FailureCode.HEAD_UNREADABLE
                return UnclearError(self._provider, code)
        return None

    def _status_error(
        self, response: httpx.Response, data: object, problem: FailureCode | None, accept: Collection[int]
    ) -> ProviderError | None:
        """Return the error for an answer, by its status, then by its unreadable body; None is a success."""
        if response.is_success and problem is None:
            return None
        status = response.status_code
        if (failed := _failure(status)) is not None:
            kind, code = failed
            return kind(self._provider, code, status=status, retry_after=retry_after(response.headers))
        if problem is not None:
            # Also for a 4xx: the provider answers in JSON, so this is a gateway's page. It must neither park a permit
            # for good nor count as "we hold nothing of that reference".
            return UnclearError(self._provider, problem, status=status)
        if status >= 400 and status not in accept:
            return RejectedError(self._provider, self._refusal(data), status=status)
        return None


def _failure(status: int) -> Failure | None:
    """Return the failure that a status means, or None if the body decides."""
    if status in FAILURES:
        return FAILURES[status]
    if status >= 500:
        return UnclearError, FailureCode.SERVER_ERROR
    if 300 <= status < 400:
        return UnclearError, FailureCode.REDIRECTED
    return (UnclearError, FailureCode.ANSWER_UNREADABLE) if status < 200 else None


def _origin(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _origin(error.__cause__)


def _handshake_failed(error: BaseException) -> bool:
    """Return whether one side refused the other's certificate; then no request was read."""
    if isinstance(error, aiohttp.ClientSSLError):
        return True
    origin = _origin(error)
    return isinstance(origin, ssl.SSLError) and CERTIFICATE_ALERT.search(origin.reason or "") is not None
