"""Who is signed in: a signed cookie, so that the app can answer while the hub's Redis is unavailable."""

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256

from starlette.requests import Request

from personal_space import claims as said

IDLE_SECONDS = 60 * 60
LONGEST_SECONDS = 12 * IDLE_SECONDS
RENEWAL_SECONDS = 300  # how exactly the last page is remembered
LANGUAGE = "language"
FIRST_PAGE = "/espace"
LIVE = "x-live"  # the header of what an open page asks by itself
_RESIDENT, _SINCE, _SEEN, _NOTICE, _WANTED = "resident", "since", "seen", "notice", "wanted"
_RESIDENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as the hub takes it


@dataclass(frozen=True, slots=True)
class Resident:
    """The resident who is signed in, and what the OpenID provider says of them."""

    resident_id: str
    name: str
    residence_verified: bool
    vehicle_verified: bool

    @classmethod
    def of(cls, claims: Mapping[str, object], claim: str) -> "Resident":
        """Read an OpenID provider's claims.

        An identifier that the hub would not take stands in by its hash.

        Raises:
            KeyError, ValueError: the claim that names the resident is missing, or names nobody.
        """
        named = claims[claim]
        if not isinstance(named, str) or not named:
            raise ValueError("nobody is named")
        resident_id = named if _RESIDENT_ID.fullmatch(named) else sha256(named.encode()).hexdigest()
        return cls(
            resident_id=resident_id,
            name=said.name(claims),
            residence_verified=claims.get("residence_verified") is True,
            vehicle_verified=claims.get("vehicle_verified") is True,
        )


class SignedOutError(Exception):
    """Nobody is signed in."""


def want(request: Request) -> None:
    """Remember the page that somebody has to sign in for."""
    request.session[_WANTED] = request.url.path


def wanted(request: Request) -> str:
    """Return the page that somebody wanted before they were asked to sign in."""
    return str(request.session.get(_WANTED, FIRST_PAGE))


def begin(request: Request, resident: Resident) -> None:
    """Sign a resident in; of the session before, only the language is left."""
    language = request.session.get(LANGUAGE)
    request.session.clear()
    request.session.update({_RESIDENT: asdict(resident), _SINCE: int(time.time()), _SEEN: int(time.time())})
    request.session[LANGUAGE] = language


def resident(request: Request) -> Resident | None:
    """Return who is signed in."""
    values = request.session.get(_RESIDENT)
    now = time.time()
    if values is None or now - request.session.get(_SINCE, 0) > LONGEST_SECONDS:
        return None
    if now - request.session.get(_SEEN, 0) > IDLE_SECONDS:
        return None
    return Resident(**values)


def signed_in(request: Request) -> Resident:
    """Return who is signed in.

    Raises:
        SignedOutError: nobody is.
    """
    found = resident(request)
    if found is None:
        raise SignedOutError
    if not is_live(request) and time.time() - request.session[_SEEN] > RENEWAL_SECONDS:
        request.session[_SEEN] = int(time.time())
    return found


def is_live(request: Request) -> bool:
    """Say whether an open page asks by itself, which is no sign of anybody being there."""
    return LIVE in request.headers


def leave_notice(request: Request, notice: str) -> None:
    """Say something once, on the next page that the resident sees."""
    request.session[_NOTICE] = notice


def take_notice(request: Request) -> str | None:
    """Return what was to be said, and forget it."""
    notice: str | None = request.session.pop(_NOTICE, None)
    return notice
