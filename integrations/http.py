"""The one way out: a bounded HTTP exchange with a provider, and every failure in our words."""

import json
import re
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlencode

import aiohttp
import httpx

from integrations.deadline import DeadlinePassedError, OccupiedError, note_request
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.settings import ProviderSettings
from integrations.transport import TIMEOUT, AddressRefusedError, AnswerTooLargeError, Transport

LONGEST_RETRY_AFTER = 86_400.0  # seconds; a provider must not be able to park its lane for longer

TOO_EARLY = frozenset({408, 425})  # 4xx in number, but the request was not looked at
NO_BODY = b""
# In TLS 1.3 a server refuses our certificate after our side of the handshake, in place of the first answer.
CERTIFICATE_ALERT = re.compile(r"ALERT.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered: the status, the parsed JSON (None for an empty body), and the Location header."""

    status: int
    data: object = field(repr=False)
    location: str | None = field(default=None, repr=False)


class Authorisation(Protocol):
    """What a provider wants to see in each request and renews from time to time, such as a token."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that authorise a request now.

        Raises:
            NotSentError: there are none to be had.
        """

    def forget(self, refused: Mapping[str, str]) -> None:
        """Return these headers no more: the provider has refused them."""

    async def aclose(self) -> None:
        """Close the connections."""


class ProviderClient:
    """HTTP with one provider: its address, its headers, its connections.

    The caller bounds each exchange with `asyncio.timeout_at`, and what leaves in it with `integrations.deadline`; a
    cancelled exchange closes its connection.
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
            access: where it is and whom to trust there.
            headers: what each request carries.
            connections: how many may be open at once.
            refusal: finds our word for the provider's error document.
            authorisation: what each request carries besides; renewed when it is refused.
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
    ) -> Answer:
        """Send one request once and return the answer of a success, or of an accepted 4xx status.

        With an authorisation, a request that was answered by 401 (so not applied) is sent once more with a new one.

        Args:
            method: the HTTP method.
            path: from the provider's URL on, beginning with a slash; with its query.
            body: what is sent as JSON, unless it is None.
            form: what is sent as a form instead.
            accept: the 4xx statuses that are answers, if their body is JSON.

        Raises:
            ProviderError: anything else.
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
            return await self._once(method, path, headers, content, accept)
        granted = await self._authorisation.headers()
        try:
            return await self._once(method, path, {**headers, **granted}, content, accept)
        except NotSentError as error:
            if error.status != 401:
                raise
        self._authorisation.forget(granted)
        renewed = await self._authorisation.headers()
        return await self._once(method, path, {**headers, **renewed}, content, accept)

    def unreadable(self, answer: Answer) -> UnclearError:
        """Return the error for an answer that parses but does not say what the provider's contract promises."""
        return UnclearError(self._provider, FailureCode.ANSWER_UNREADABLE, status=answer.status)

    async def aclose(self) -> None:
        """Close the connections, those of the authorisation too."""
        if self._authorisation is not None:
            await self._authorisation.aclose()
        await self._transport.aclose()

    async def _once(
        self, method: Method, path: str, headers: Mapping[str, str], content: bytes | None, accept: Collection[int]
    ) -> Answer:
        assert path.startswith("/"), "anything else could lead to another host"
        url = self._url + path
        request = httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": TIMEOUT})
        failure: ProviderError | None
        try:
            response, raw = await self._transport.exchange(request)
        except AnswerTooLargeError as error:
            failure = UnclearError(self._provider, FailureCode.ANSWER_TOO_LARGE, status=error.status)
        except (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError) as error:
            failure = self._broken(error)
        else:
            data, readable = _parse(raw, response)
            failure = self._failed(response, data, readable, accept)
            if failure is None:
                return Answer(response.status_code, data, response.headers.get("location"))
        raise failure  # out here, so that nothing of what caused it, such as an address, hangs on it

    def _broken(self, error: Exception) -> ProviderError:
        """Name what happened when no answer came."""
        # The transport calls every broken connection a connect time-out; only aiohttp's own error tells them apart.
        cause = error.__cause__ if isinstance(error.__cause__, aiohttp.ClientError) else error
        match _origin(cause):
            case DeadlinePassedError(begun=False):
                return NotSentError(self._provider, FailureCode.DEADLINE_PASSED)
            case DeadlinePassedError():
                return UnclearError(self._provider, FailureCode.TIMED_OUT)
            case AddressRefusedError():
                return NotSentError(self._provider, FailureCode.ADDRESS_REFUSED)
            case OccupiedError():
                return NotSentError(self._provider, FailureCode.NOT_CONNECTED)
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


def _origin(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _origin(error.__cause__)


def _handshake_failed(error: BaseException) -> bool:
    """Tell whether one side did not accept the other's certificate; then no request was looked at."""
    if isinstance(error, aiohttp.ClientSSLError):
        return True
    origin = _origin(error)
    return isinstance(origin, ssl.SSLError) and CERTIFICATE_ALERT.search(origin.reason or "") is not None


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
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
