"""Read and check an authorization request (RFC 6749, RFC 7636, OpenID Connect)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import urlencode

from joserfc.util import urlsafe_b64encode

from personal_space.stand_ins.settings import Settings

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class ForeignRequestError(Exception):
    """The client or its redirect_uri is unknown: show an error, do not redirect."""


class WrongRequestError(Exception):
    """The app's request is wrong: redirect to the app with an error."""

    def __init__(self, error: str, back: str) -> None:
        super().__init__(error)
        self.back = back


@dataclass(frozen=True, slots=True)
class Authorization:
    """A valid authorization request."""

    redirect_uri: str
    scope: frozenset[str]
    challenge: str
    state: str | None
    nonce: str | None

    def matches(self, verifier: str) -> bool:
        """Return whether a code verifier matches the request's challenge (PKCE)."""
        if not _VERIFIER.fullmatch(verifier):
            return False
        found = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode()
        return compare_digest(found, self.challenge)

    def redirect_with(self, code: str) -> str:
        """Return the URL that takes a code to the app."""
        return _back(self.redirect_uri, self.state, code=code)


def read(asked: Mapping[str, str], settings: Settings) -> Authorization:
    """Read an authorization request.

    Raises:
        ForeignRequestError: the client or its redirect_uri is unknown.
        WrongRequestError: the client is known, and something is missing or wrong.
    """
    if asked.get("client_id") != settings.client_id or asked.get("redirect_uri") != settings.redirect_uri:
        raise ForeignRequestError
    made = Authorization(
        redirect_uri=settings.redirect_uri,
        scope=frozenset(asked.get("scope", "").split()),
        challenge=asked.get("code_challenge", ""),
        state=asked.get("state"),
        nonce=asked.get("nonce"),
    )
    error = _error(made, asked)
    if error is not None:
        raise WrongRequestError(error, _back(made.redirect_uri, made.state, error=error))
    return made


def _error(made: Authorization, asked: Mapping[str, str]) -> str | None:
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in made.scope:
        return "invalid_scope"
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(made.challenge):
        return "invalid_request"
    if "none" in asked.get("prompt", "").split():  # there are no sessions here
        return "login_required"
    return None


def _back(redirect_uri: str, state: str | None, **answer: str) -> str:
    return f"{redirect_uri}?{urlencode(answer if state is None else answer | {'state': state})}"
