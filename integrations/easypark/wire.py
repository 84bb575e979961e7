"""EasyPark's JSON and words. Assumed, after the field names of a sister API; see README.md."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from integrations.base import needed
from integrations.errors import FailureCode
from schemas.shared import SharedPermit

UNKNOWN_REGISTRATION = 2001

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        1101: FailureCode.PLATE_REFUSED,
        1102: FailureCode.COUNTRY_REFUSED,
        1103: FailureCode.ZONE_UNKNOWN,
        1104: FailureCode.PROFILE_UNKNOWN,
        1105: FailureCode.VALIDITY_REFUSED,
    }
)
"""Their error numbers, and ours."""


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"x-api-key": key}


def path(reference: UUID) -> str:
    """Return where a registration lives."""
    return f"/registrations/{reference}"


def registration(provider: str, permit: SharedPermit) -> dict[str, object]:
    """Return a registration; both its days are included."""
    validity = needed(provider, permit.validity)
    return {
        "externalReferenceId": str(permit.reference),
        "licensePlate": needed(provider, permit.plate),
        "licensePlateCountry": needed(provider, permit.country),
        "locationCode": list(needed(provider, permit.zones)),
        "profile": needed(provider, permit.profile),
        "startDate": validity.first_day.isoformat(),
        "endDate": validity.last_day.isoformat(),
    }


def registered(data: object, reference: UUID) -> bool:
    """Tell whether an answer says that this registration stands."""
    return (
        isinstance(data, dict) and data.get("externalReferenceId") == str(reference) and data.get("status") == "ACTIVE"
    )


def unknown(data: object) -> bool:
    """Tell whether an answer says that they know no such registration."""
    return isinstance(data, dict) and data.get("errorCode") == UNKNOWN_REGISTRATION


def failure(data: object) -> FailureCode:
    """Return our word for their error document."""
    code = data.get("errorCode") if isinstance(data, dict) else None
    return FAILURES.get(code, FailureCode.REQUEST_REFUSED) if isinstance(code, int) else FailureCode.REQUEST_REFUSED
