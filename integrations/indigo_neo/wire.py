"""Indigo Neo's JSON and words, those of APDS 4; contract.yaml says which are verified."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import days_of, instants, needed, reference_of
from integrations.errors import FailureCode
from schemas.shared import Copy, SharedPermit

Document = Mapping[str, object]

RIGHTS = "/rights/assigned"
EXPANDED = "expand=plannedUses"  # left out unless asked for
CLASS = "NumberPlate"  # after the country's two letters
CLASS_OF_GB = f"UK{CLASS}"  # as their document has it; ISO's code would be GB
ISSUER = ({"language": "en", "string": "Vehicle Registry"},)  # required, and the same for all: we do not know it
SPECIFICATION_VERSION = 1  # a specification is not changed
NAME = re.compile(r"[^.]+([.][^.]+)+")  # of a specification: the profile, then the zones
LATEST_VERSION = 2_000_000_000  # an integer of the database, with some to spare
NOT_FOUND = 404

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        "Invalid credential identifier": FailureCode.PLATE_REFUSED,
        "Unknown credential class": FailureCode.COUNTRY_REFUSED,
        "Unknown right specification": FailureCode.PROFILE_UNKNOWN,
        "Unknown place": FailureCode.ZONE_UNKNOWN,
        "Invalid planned use": FailureCode.VALIDITY_REFUSED,
    }
)
"""Their messages, and ours."""


class Place(NamedTuple):
    """Where a page of a listing begins, and the instant whose rights are listed."""

    offset: int
    instant: int  # seconds since 1970


class Listed(NamedTuple):
    """A page of their list: its rights, references that were deleted, where it begins, and where the next one does."""

    rights: Sequence[Document]
    deleted: Sequence[str]
    place: Place
    following: Place | None


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"X-MCC-Access-Token": key}


def right(reference: UUID) -> str:
    """Return where an assigned right is updated."""
    return f"{RIGHTS}/{reference}"


def right_in_full(reference: UUID) -> str:
    """Return where an assigned right is read."""
    return f"{RIGHTS}/{reference}?{EXPANDED}"


def deletion(reference: UUID, version: int) -> str:
    """Return where an assigned right is deleted."""
    return f"{RIGHTS}/{reference}?version={version}"


def page(place: Place | None) -> str:
    """Return where a page of all rights is listed."""
    rest = "" if place is None else f"&offset={place.offset}&reference_instant={place.instant}"
    return f"{RIGHTS}?{EXPANDED}{rest}"


def changes(since: int) -> str:
    """Return where the first rights that changed in or after a second are listed."""
    return f"{RIGHTS}?{EXPANDED}&modified_since={max(since - 1, 0)}"  # theirs is: after a second


def assigned_right(provider: str, permit: SharedPermit, version: int, zone: ZoneInfo) -> Document:
    """Return a permit as an assigned right of a version.

    Raises:
        RejectedError: a field is not there.
    """
    start, end = (_written(instant) for instant in instants(needed(provider, permit.validity), zone))
    profile, zones = needed(provider, permit.profile), needed(provider, permit.zones)
    country, plate = needed(provider, permit.country), needed(provider, permit.plate)
    return {
        "id": str(permit.reference),
        "version": version,
        "rightSpecification": {"id": ".".join((profile, *zones)), "version": SPECIFICATION_VERSION},
        "rightHolder": {
            "credentials": [
                {
                    "type": "licensePlate",
                    "identifier": {"className": _class(country), "id": plate},
                    "issuer": ISSUER,
                }
            ]
        },
        "expiry": end,
        "plannedUses": [{"startTime": start, "endTime": end}],
    }


def copy(found: object, zone: ZoneInfo) -> Copy | None:
    """Return what a right of theirs says, in our words; None when it cannot be one of ours.

    It has only its reference where it says something that none of ours would.
    """
    reference = reference_of(found.get("id")) if isinstance(found, dict) else None
    if reference is None:
        return None
    match found:
        case {
            "rightSpecification": {"id": str(specification), "version": 1},
            "rightHolder": {
                "credentials": [{"type": "licensePlate", "identifier": {"className": str(of), "id": str(plate)}}]
            },
            "expiry": str(expiry),
            "plannedUses": [{"startTime": str(start), "endTime": str(end), **more}],
        } if (
            (country := _country(of)) is not None
            and NAME.fullmatch(specification)
            and (validity := days_of(start, end, zone)) is not None
            and validity == days_of(start, expiry, zone)
            and more.get("cancelTime") is None
            and more.get("expiryTime") is None
        ):
            profile, *zones = specification.split(".")
            return Copy(reference, plate, country, tuple(zones), profile, validity)
    return Copy(reference)


def says(found: Copy | None, permit: SharedPermit) -> bool:
    """Tell whether a right says just what a permit does."""
    return found == Copy(permit.reference, permit.plate, permit.country, permit.zones, permit.profile, permit.validity)


def version(data: object, reference: UUID) -> int | None:
    """Return the version of a right; None when it is none of this reference, or leaves us none to count on to."""
    match data:
        case {"id": str(found), "version": int(number)} if found == str(reference) and 0 < number < LATEST_VERSION:
            return number
    return None


def listed(data: object) -> Listed | None:
    """Read a page of their list; None when it is none."""
    match data:
        case {
            "meta": {
                "referenceInstant": int(instant),
                "offset": int(offset),
                "pageSize": int(size),
                "total": int(total),
            },
            "data": list(rights),
            **more,
        } if size > 0 and all(isinstance(one, dict) for one in rights):
            deleted = _deleted(more.get("deletedReferences"))
            if not (rights or deleted or total <= offset + size):
                return None
            following = Place(offset + size, instant) if offset + size < total else None
            return Listed(rights, deleted, Place(offset, instant), following)
    return None


def done(data: object) -> bool:
    """Tell whether an answer says that they have done what was asked for."""
    return isinstance(data, dict) and data.get("status") == "ok"


def absent(data: object) -> bool:
    """Tell whether an answer says that they have no such right."""
    return isinstance(data, dict) and data.get("status") == "error" and data.get("code") == NOT_FOUND


def refused(data: object) -> bool:
    """Tell whether an answer is one of theirs that refuses."""
    return isinstance(data, dict) and data.get("status") == "error"


def failure(data: object) -> FailureCode:
    """Return our word for their error document."""
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, str):
        return FailureCode.REQUEST_REFUSED
    return FAILURES.get(message, FailureCode.REQUEST_REFUSED)


def _class(country: str) -> str:
    return CLASS_OF_GB if country == "GB" else f"{country}{CLASS}"


def _country(found: str) -> str | None:
    """Return the country of a class; None for one that is not ours."""
    country = "GB" if found == CLASS_OF_GB else found.removesuffix(CLASS)
    return country if country and _class(country) == found else None


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _deleted(references: object) -> list[str]:
    found = references if isinstance(references, list) else []
    return [one["id"] for one in found if isinstance(one, dict) and isinstance(one.get("id"), str)]
