"""The session: a signed cookie, so that the app can answer while the hub's Redis is unavailable."""

import re
import time
from collections.abc import Mapping
from hashlib import sha256

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from personal_space import claims as said
from personal_space.verified import Verified

IDLE_SECONDS = 60 * 60
LONGEST_SECONDS = 12 * IDLE_SECONDS
RENEWAL_SECONDS = 300  # the time of the last page is stored this exactly
LANGUAGE = "language"
FIRST_PAGE = "/espace"
LIVE = "x-live"  # the header of an open page's automatic requests
_RESIDENT, _SINCE, _SEEN, _NOTICE, _WANTED = "resident", "since", "seen", "notice", "wanted"
_RESIDENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # the hub's own rule


class Resident(BaseModel):
    """The signed-in resident, from the OpenID provider's claims."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    resident_id: str
    name: str
    verified: Verified = Verified()

    @classmethod
    def of(cls, claims: Mapping[str, object], claim: str) -> "Resident":
        """Read an OpenID provider's claims.

        An identifier that the hub would refuse is replaced by its hash.

        Raises:
            KeyError, ValueError: the claim with the resident's identifier is missing or empty.
        """
        named = claims[claim]
        if not isinstance(named, str) or not named:
            raise ValueError("the claim has no identifier")
        resident_id = named if _RESIDENT_ID.fullmatch(named) else sha256(named.encode()).hexdigest()
        return cls(resident_id=resident_id, name=said.name(claims), verified=Verified.of(claims))


class SignedOutError(Exception):
    """The request has no valid session."""


def remember_page(request: Request) -> None:
    """Remember this page, to show it after the sign-in."""
    request.session[_WANTED] = request.url.path


def page_after_sign_in(request: Request) -> str:
    """Return the page to show after the sign-in."""
    return str(request.session.get(_WANTED, FIRST_PAGE))


def begin(request: Request, resident: Resident) -> None:
    """Sign a resident in; only the language is kept from the session before."""
    language = request.session.get(LANGUAGE)
    kept = resident.model_dump(mode="json", exclude_defaults=True)
    request.session.clear()
    request.session.update({_RESIDENT: kept, _SINCE: int(time.time()), _SEEN: int(time.time())})
    request.session[LANGUAGE] = language


def resident(request: Request) -> Resident | None:
    """Return the signed-in resident, or None."""
    values = request.session.get(_RESIDENT)
    now = time.time()
    if values is None or now - request.session.get(_SINCE, 0) > LONGEST_SECONDS:
        return None
    if now - request.session.get(_SEEN, 0) > IDLE_SECONDS:
        return None
    return Resident.model_validate(values)


def signed_in(request: Request) -> Resident:
    """Return the signed-in resident.

    Raises:
        SignedOutError: there is none.
    """
    found = resident(request)
    if found is None:
        raise SignedOutError
    if not is_live(request) and time.time() - request.session[_SEEN] > RENEWAL_SECONDS:
        request.session[_SEEN] = int(time.time())
    return found


def is_live(request: Request) -> bool:
    """Return whether an open page's script sent the request; it does not prolong the session."""
    return LIVE in request.headers


def leave_notice(request: Request, notice: str) -> None:
    """Show a notice once, on the resident's next page."""
    request.session[_NOTICE] = notice


def take_notice(request: Request) -> str | None:
    """Return the notice and delete it."""
    notice: str | None = request.session.pop(_NOTICE, None)
    return notice
