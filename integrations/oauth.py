"""OAuth2 client credentials (RFC 6749, section 4.4): a token, kept until shortly before its end."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote_plus

from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from integrations.deadline import unbind
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError
from integrations.http import ProviderClient
from integrations.settings import ProviderSettings

ATTEMPTS = 3
FIRST_BACKOFF_SECONDS = 0.1  # between two attempts; the upper bound of a random wait
LONGEST_BACKOFF_SECONDS = 0.5
ATTEMPT_SECONDS = 3.0  # so that a hanging attempt is repeated
FETCH_SECONDS = 10.0  # for all attempts together
TOKEN_WAIT_SECONDS = 2.0  # of a request for the token; shorter than its deadline, so that it surely was not sent
UNSAID_SECONDS = 300.0  # for a token without `expires_in`; a 401 says if that was too long
LONGEST_SECONDS = 86_400.0
AHEAD_SECONDS = 30.0  # a token is renewed this long before its end,
AHEAD_PART = 0.2  # or this part of its life before, if that is less
TOKEN = re.compile(r"[!-~]+")  # RFC 6749, appendix A.12; nothing that could end a header
FORM = MappingProxyType({"grant_type": "client_credentials"})
TRY_AGAIN = frozenset(
    {
        FailureCode.NOT_CONNECTED,
        FailureCode.TIMED_OUT,
        FailureCode.CONNECTION_LOST,
        FailureCode.UNAVAILABLE,
        FailureCode.SERVER_ERROR,
        FailureCode.ANSWER_CUT_SHORT,
        FailureCode.ANSWER_UNREADABLE,
    }
)


@dataclass(frozen=True, slots=True)
class _Token:
    headers: Mapping[str, str] = field(repr=False)
    until: float  # in the event loop's time


class ClientCredentials:
    """A provider's token endpoint: one token at a time, fetched once for all waiting requests."""

    def __init__(
        self,
        provider: str,
        access: ProviderSettings,
        path: str,
        client_id: SecretStr,
        client_secret: SecretStr,
        certificate: Path | None = None,
    ) -> None:
        """Prepare without connecting.

        Args:
            provider: its name, for errors.
            access: its URL and the authority to trust.
            path: of the token endpoint, below the provider's URL.
            client_id: our id.
            client_secret: our secret.
            certificate: the PEM file of our certificate and its key; it may be replaced at any time.
        """
        pair = ":".join(quote_plus(part.get_secret_value()) for part in (client_id, client_secret))
        self._provider = provider
        self._path = path
        self._client = ProviderClient(
            provider,
            access,
            {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"},
            connections=1,
            refusal=lambda _: FailureCode.UNAUTHORISED,
            certificate=certificate,
        )
        self._token: _Token | None = None
        self._fetching: asyncio.Task[_Token] | None = None

    async def headers(self) -> Mapping[str, str]:
        """Return the header with a valid token.

        Raises:
            NotSentError: no token could be fetched in time.
        """
        if self._token is not None and asyncio.get_running_loop().time() < self._token.until:
            return self._token.headers
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        fetching = self._fetching
        # Not awaited directly: a cancelled request must not cancel the fetch of the others.
        await asyncio.wait({fetching}, timeout=TOKEN_WAIT_SECONDS)
        if not fetching.done() or fetching.cancelled():
            raise NotSentError(self._provider, FailureCode.TIMED_OUT)
        error = fetching.exception()
        if error is None:
            return fetching.result().headers
        if isinstance(error, ProviderError):  # a new error for each waiting request
            raise NotSentError(error.provider, error.code, status=error.status, retry_after=error.retry_after)
        raise error

    def drop(self, refused: Mapping[str, str]) -> None:
        """Fetch a new token for the next request, unless the refused one has been replaced already."""
        if self._token is not None and self._token.headers == refused:
            self._token = None

    async def aclose(self) -> None:
        """Stop fetching and close the connection."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})
        await self._client.aclose()

    def _fetched(self, fetching: asyncio.Task[_Token]) -> None:
        self._fetching = None
        if not fetching.cancelled() and fetching.exception() is None:
            self._token = fetching.result()

    async def _fetch(self) -> _Token:
        unbind()
        attempts = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=FIRST_BACKOFF_SECONDS, max=LONGEST_BACKOFF_SECONDS),
            reraise=True,
        )
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await attempts(self._ask)
        except TimeoutError:
            failure = NotSentError(self._provider, FailureCode.TIMED_OUT)
        raise failure

    async def _ask(self) -> _Token:
        asked = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                answer = await self._client.exchange("POST", self._path, form=FORM)
        except TimeoutError:
            raise NotSentError(self._provider, FailureCode.TIMED_OUT) from None
        match answer.data:
            case {"access_token": str(token), "token_type": str(kind), **more} if (
                TOKEN.fullmatch(token) and kind.lower() == "bearer"
            ):
                headers = MappingProxyType({"Authorization": f"Bearer {token}"})
                return _Token(headers, asked + kept_for(more.get("expires_in")))
        raise self._client.unreadable(answer)


def _may_pass(error: BaseException) -> bool:
    """Return whether the same request may succeed a moment later; not if there is a Retry-After."""
    return (
        isinstance(error, ProviderError)
        and not isinstance(error, RejectedError)
        and error.retry_after is None
        and error.code in TRY_AGAIN
    )


def kept_for(expires_in: object) -> float:
    """Return for how many seconds to keep a token with this `expires_in`."""
    life = UNSAID_SECONDS
    if isinstance(expires_in, int | float) and not isinstance(expires_in, bool) and expires_in > 0:
        life = float(min(expires_in, LONGEST_SECONDS))
    return life - min(AHEAD_SECONDS, life * AHEAD_PART)
