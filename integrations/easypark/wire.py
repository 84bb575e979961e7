"""EasyPark's JSON and words; contract.yaml says which are verified."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import days_of, instants, needed, reference_of, written
from integrations.errors import FailureCode
from schemas.shared import Copy, SharedPermit

Document = Mapping[str, object]

REGISTER = "/parking/register"
PAGE = 1_000  # rights; as many as they list at once, and with the longest of words less than 700 kB
NO_PARKING_RIGHT = 1107

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        23: FailureCode.ZONE_UNKNOWN,
        1101: FailureCode.PLATE_REFUSED,
        1102: FailureCode.COUNTRY_REFUSED,
        1103: FailureCode.PROFILE_UNKNOWN,
        1104: FailureCode.VALIDITY_REFUSED,
    }
)
"""Their error numbers, and ours."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of their list; `after` leads on (None: that was the last)."""

    rights: Sequence[Document] = field(repr=False)
    after: str | None


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"x-api-key": key}


def extend(reference: UUID) -> str:
    """Return where a right is replaced."""
    return f"/parking/extend/{reference}"


def cancel(reference: UUID) -> str:
    """Return where a right is cancelled."""
    return f"/parking/cancel/{reference}"


def page(after: str | None) -> str:
    """Return where the rights after a reference are listed."""
    return f"/parking?limit={PAGE}" + ("" if after is None else f"&after={quote(after, safe='')}")


def right(provider: str, permit: SharedPermit, zone: ZoneInfo) -> Document:
    """Return a permit as one right.

    Raises:
        RejectedError: a field is not there.
    """
    start, end = instants(needed(provider, permit.validity), zone)
    locations = needed(provider, permit.zones)
    return {
        "externalReferenceId": str(permit.reference),
        "licensePlate": needed(provider, permit.plate),
        "licensePlateCountry": needed(provider, permit.country),
        "locationCode": locations[0],
        "enforcementLocations": locations,
        "profile": needed(provider, permit.profile),
        "startDate": written(start),
        "endDate": written(end),
    }


def copy(found: object, zone: ZoneInfo) -> Copy | None:
    """Return what a right of theirs says, in our words; None when it cannot be one of ours."""
    reference = reference_of(found.get("externalReferenceId")) if isinstance(found, dict) else None
    if not isinstance(found, dict) or reference is None:
        return None
    extra = found.get("extraProperties")
    if not isinstance(extra, dict):
        extra = {}
    return Copy(
        reference,
        plate=_text(found.get("licensePlate")),
        country=_text(extra.get("licensePlateCountry")),
        zones=_locations(extra.get("locationCode"), extra.get("enforcementLocations")),
        profile=_text(found.get("profile")),
        validity=days_of(str(found.get("startDate")), str(found.get("endDate")), zone),
    )


def says(found: Copy, permit: SharedPermit) -> bool:
    """Tell whether a right says just what a permit does."""
    return found == Copy(permit.reference, permit.plate, permit.country, permit.zones, permit.profile, permit.validity)


def listed(data: object) -> Listed | None:
    """Read a page of their list; None when it is none."""
    if not isinstance(data, dict) or "next" not in data:
        return None
    rights, after = data.get("parkingrights"), data["next"]
    if not isinstance(rights, list) or not all(isinstance(one, dict) for one in rights):
        return None
    return Listed(rights, after) if after is None or (isinstance(after, str) and after) else None


def absent(data: object) -> bool:
    """Tell whether an answer says that they have no such right."""
    return NO_PARKING_RIGHT in _numbers(data)


def failure(data: object) -> FailureCode:
    """Return our word for their error document."""
    return next((FAILURES[number] for number in _numbers(data) if number in FAILURES), FailureCode.REQUEST_REFUSED)


def _numbers(data: object) -> list[int]:
    """Return the numbers of an error document; those of its entries first, which say more."""
    if not isinstance(data, dict):
        return []
    entries = data.get("errors")
    found = [entry.get("code") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [number for number in (*found, data.get("code")) if isinstance(number, int)]


def _locations(first: object, every: object) -> tuple[str, ...] | None:
    """Return where a right holds; they give the list as text."""
    try:
        found = json.loads(every) if isinstance(every, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not found or found[0] != first:
        return None
    return tuple(found) if all(isinstance(one, str) for one in found) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
