"""Ways to MonParis that a browser has begun, each in a signed cookie of its own: two tabs do not undo each other.

As the session's, the cookies are the app's alone (`__Host-`): no other site can plant one.
"""

from dataclasses import asdict, dataclass

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from personal_space.settings import settings

SECONDS = 60 * 60  # for so long somebody may stay at MonParis
MOST = 5  # at once in one browser; the oldest make room


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the answer is held against, and the page that was wanted."""

    state: str
    nonce: str
    code_verifier: str
    wanted: str


def remember(request: Request, answer: Response, attempt: Attempt) -> None:
    """Have the browser keep an attempt, and forget the oldest if there are too many."""
    begun = sorted(
        (name for name in request.cookies if name.startswith(_prefix())), key=lambda name: _age(request.cookies[name])
    )
    for name in begun[MOST - 1 :]:
        _drop(answer, name)
    secure = settings().secure
    answer.set_cookie(
        _prefix() + attempt.state,
        _signer().dumps(asdict(attempt)),
        max_age=SECONDS,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def recall(request: Request) -> Attempt | None:
    """Return the attempt that an answer belongs to; None where this browser has none such, or no longer."""
    state = request.query_params.get("state", "")
    try:
        found = Attempt(**_signer().loads(request.cookies.get(_prefix() + state, ""), max_age=SECONDS))
    except BadData:
        return None
    return found if found.state == state else None


def forget(answer: Response, attempt: Attempt) -> None:
    """Have the browser forget an attempt that has ended."""
    _drop(answer, _prefix() + attempt.state)


def _drop(answer: Response, name: str) -> None:
    answer.delete_cookie(name, secure=settings().secure, httponly=True, samesite="lax")


def _age(cookie: str) -> float:
    """Return for how long a cookie has been there, in seconds before now; one that cannot be read is the oldest."""
    try:
        _, begun_at = _signer().loads(cookie, max_age=SECONDS, return_timestamp=True)
    except BadData:
        return 0.0
    return -float(begun_at.timestamp())


def _prefix() -> str:
    return "__Host-signin-" if settings().secure else "signin-"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret.get_secret_value(), salt="signin")
