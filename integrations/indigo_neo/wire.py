"""Indigo Neo's JSON format, APDS 4; contract.yaml says which parts are verified."""

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
CLASS_OF_GB = f"UK{CLASS}"  # by their document; ISO's code would be GB
ISSUER = ({"language": "en", "string": "Vehicle Registry"},)  # required; the same for all, as we do not know it
SPECIFICATION_VERSION = 1  # specifications never change
NAME = re.compile(r"[^.]+([.][^.]+)+")  # of a specification: the profile, then the zones
LATEST_VERSION = 2_000_000_000  # below the largest database integer, with some to spare
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
"""Their messages, and our codes."""


class Place(NamedTuple):
    """The offset of a page in a listing, and the instant of the listing."""

    offset: int
    instant: int  # seconds since 1970


class Listed(NamedTuple):
    """A page of their list: its rights, deleted references, its place, and the next page's."""

    rights: Sequence[Document]
    deleted: Sequence[str]
    place: Place
    following: Place | None


def headers(key: str) -> dict[str, str]:
    """Return the headers of every request."""
    return {"X-MCC-Access-Token": key}


def right(reference: UUID) -> str:
    """Return the path that updates an assigned right."""
    return f"{RIGHTS}/{reference}"


def right_in_full(reference: UUID) -> str:
    """Return the path of an assigned right with its planned uses."""
    return f"{RIGHTS}/{reference}?{EXPANDED}"


def deletion(reference: UUID, version: int) -> str:
    """Return the path that deletes an assigned right."""
    return f"{RIGHTS}/{reference}?version={version}"


def page(place: Place | None) -> str:
    """Return the path of a page of all rights."""
    rest = "" if place is None else f"&offset={place.offset}&reference_instant={place.instant}"
    return f"{RIGHTS}?{EXPANDED}{rest}"


def changes(since: int) -> str:
    """Return the path of the first page of rights changed in or after a second."""
    return f"{RIGHTS}?{EXPANDED}&modified_since={max(since - 1, 0)}"  # their parameter means: after a second


def assigned_right(provider: str, permit: SharedPermit, version: int, zone: ZoneInfo) -> Document:
    """Return a permit as an assigned right with a version.

    Raises:
        RejectedError: a field is missing.
    """
    start, end = (_rfc3339(instant) for instant in instants(needed(provider, permit.validity), zone))
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
    """Return a right as a copy; None if it cannot be one of ours.

    The copy has only the reference if the right is not in the form that we send.
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


def agrees(found: Copy | None, permit: SharedPermit) -> bool:
    """Return whether a right agrees with a permit."""
    return found == Copy(permit.reference, permit.plate, permit.country, permit.zones, permit.profile, permit.validity)


def version(data: object, reference: UUID) -> int | None:
    """Return a right's version; None if it has another reference, or a version that we cannot count on from."""
    match data:
        case {"id": str(found), "version": int(number)} if found == str(reference) and 0 < number < LATEST_VERSION:
            return number
    return None


def listed(data: object) -> Listed | None:
    """Read a page of their list; None if it is malformed."""
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
    """Return whether an answer says that the request is done."""
    return isinstance(data, dict) and data.get("status") == "ok"


def absent(data: object) -> bool:
    """Return whether an answer says that they have no such right."""
    return isinstance(data, dict) and data.get("status") == "error" and data.get("code") == NOT_FOUND


def refused(data: object) -> bool:
    """Return whether an answer is a refusal in their format."""
    return isinstance(data, dict) and data.get("status") == "error"


def failure(data: object) -> FailureCode:
    """Return our code for their error document."""
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, str):
        return FailureCode.REQUEST_REFUSED
    return FAILURES.get(message, FailureCode.REQUEST_REFUSED)


def _class(country: str) -> str:
    return CLASS_OF_GB if country == "GB" else f"{country}{CLASS}"


def _country(found: str) -> str | None:
    """Return the country of a class; None if we never write this class."""
    country = "GB" if found == CLASS_OF_GB else found.removesuffix(CLASS)
    return country if country and _class(country) == found else None


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _deleted(references: object) -> list[str]:
    found = references if isinstance(references, list) else []
    return [one["id"] for one in found if isinstance(one, dict) and isinstance(one.get("id"), str)]
