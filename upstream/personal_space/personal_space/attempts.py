"""Sign-in attempts. Each has a signed cookie of its own, so that two tabs do not disturb each other.

Behind HTTPS the cookies' names begin with `__Host-`, as the session's does: no other site can set one.
"""

from dataclasses import asdict, dataclass

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from personal_space.settings import settings

ATTEMPT_SECONDS = 60 * 60  # the longest stay at MonParis
MAX_ATTEMPTS = 5  # in one browser; a further one replaces the oldest


@dataclass(frozen=True, slots=True)
class Attempt:
    """The values that the provider's answer must match, and the page to show afterwards."""

    state: str
    nonce: str
    code_verifier: str
    wanted: str


def remember(request: Request, answer: Response, attempt: Attempt) -> None:
    """Set an attempt's cookie, and delete the oldest if there are too many."""
    begun = sorted(
        (name for name in request.cookies if name.startswith(_prefix())),
        key=lambda name: _newest_first(request.cookies[name]),
    )
    for name in begun[MAX_ATTEMPTS - 1 :]:
        _drop(answer, name)
    secure = settings().secure
    answer.set_cookie(
        _prefix() + attempt.state,
        _signer().dumps(asdict(attempt)),
        max_age=ATTEMPT_SECONDS,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def recall(request: Request) -> Attempt | None:
    """Return the attempt of the provider's answer; None if this browser has none, or it has expired."""
    state = request.query_params.get("state", "")
    try:
        found = Attempt(**_signer().loads(request.cookies.get(_prefix() + state, ""), max_age=ATTEMPT_SECONDS))
    except BadData:
        return None
    return found if found.state == state else None


def forget(answer: Response, attempt: Attempt) -> None:
    """Delete the cookie of an attempt that has ended."""
    _drop(answer, _prefix() + attempt.state)


def _drop(answer: Response, name: str) -> None:
    answer.delete_cookie(name, secure=settings().secure, httponly=True, samesite="lax")


def _newest_first(cookie: str) -> float:
    """Return a sort key for a cookie, newest first; an unreadable cookie comes last."""
    try:
        _, begun_at = _signer().loads(cookie, max_age=ATTEMPT_SECONDS, return_timestamp=True)
    except BadData:
        return 0.0
    return -float(begun_at.timestamp())


def _prefix() -> str:
    return "__Host-signin-" if settings().secure else "signin-"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret.get_secret_value(), salt="signin")
