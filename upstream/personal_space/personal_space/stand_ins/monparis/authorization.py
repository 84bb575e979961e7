"""What an app asks for when it sends a browser here, and what is wrong with it (RFC 6749, RFC 7636, OpenID Connect)."""

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
    """Nobody known asked, or the answer would go elsewhere: the browser is not sent anywhere."""


class WrongRequestError(Exception):
    """The app asked for something wrong, and is told so."""

    def __init__(self, error: str, back: str) -> None:
        super().__init__(error)
        self.back = back


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sign-in as an app asked for it."""

    redirect_uri: str
    scope: frozenset[str]
    challenge: str
    state: str | None
    nonce: str | None

    def is_proved_by(self, verifier: str) -> bool:
        """Tell whether whoever has this verifier is the one that asked."""
        if not _VERIFIER.fullmatch(verifier):
            return False
        found = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode()
        return compare_digest(found, self.challenge)

    def answered(self, code: str) -> str:
        """Return where the browser goes with a code."""
        return _back(self.redirect_uri, self.state, code=code)


def read(asked: Mapping[str, str], settings: Settings) -> Authorization:
    """Read what an app asks for.

    Raises:
        ForeignRequestError: it is not the known app, or not to be answered where the app is.
        WrongRequestError: it is the known app, and something is missing or wrong.
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
    if "none" in asked.get("prompt", "").split():  # nobody stays signed in here
        return "login_required"
    return None


def _back(redirect_uri: str, state: str | None, **answer: str) -> str:
    return f"{redirect_uri}?{urlencode(answer if state is None else answer | {'state': state})}"
