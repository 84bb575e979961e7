"""Indigo Neo's JSON and words. Assumed, after the `AssignedRight` of APDS 4; see README.md."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import instants, needed
from integrations.errors import FailureCode
from schemas.shared import SharedPermit

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        "invalid-credential": FailureCode.PLATE_REFUSED,
        "invalid-country": FailureCode.COUNTRY_REFUSED,
        "unknown-place": FailureCode.ZONE_UNKNOWN,
        "unknown-specification": FailureCode.PROFILE_UNKNOWN,
        "invalid-period": FailureCode.VALIDITY_REFUSED,
    }
)
"""Their problem types, and ours."""


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"X-MCC-Access-Token": key}


def path(reference: UUID) -> str:
    """Return where an assigned right lives."""
    return f"/rights/assigned/{reference}"


def assigned_right(provider: str, permit: SharedPermit, zone: ZoneInfo) -> dict[str, object]:
    """Return an assigned right; its end is the first instant after it, in UTC."""
    start, end = instants(needed(provider, permit.validity), zone)
    return {
        "id": str(permit.reference),
        "rightSpecification": {"id": needed(provider, permit.profile)},
        "rightHolder": {
            "credentials": [
                {
                    "type": "licensePlate",
                    "identifier": {"className": needed(provider, permit.country), "id": needed(provider, permit.plate)},
                }
            ]
        },
        "places": [{"id": code} for code in needed(provider, permit.zones)],
        "plannedUses": [{"startTime": _utc(start), "endTime": _utc(end)}],
    }


def assigned(data: object, reference: UUID) -> bool:
    """Tell whether an answer says that this right is assigned."""
    return isinstance(data, dict) and data.get("id") == str(reference)


def unknown(data: object) -> bool:
    """Tell whether an answer says that they know no such right."""
    return isinstance(data, dict) and data.get("type") == "unknown-right"


def failure(data: object) -> FailureCode:
    """Return our word for their error document."""
    code = data.get("type") if isinstance(data, dict) else None
    return FAILURES.get(code, FailureCode.REQUEST_REFUSED) if isinstance(code, str) else FailureCode.REQUEST_REFUSED


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
