"""PayByPhone's JSON and words. Assumed, after the words of their consumer API; see README.md."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from integrations.base import needed
from integrations.errors import FailureCode
from schemas.shared import SharedPermit

API_VERSION = "2"

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        "LicensePlateInvalidFormat": FailureCode.PLATE_REFUSED,
        "CountryNotSupported": FailureCode.COUNTRY_REFUSED,
        "LocationNotFound": FailureCode.ZONE_UNKNOWN,
        "RateOptionNotFound": FailureCode.PROFILE_UNKNOWN,
        "InvalidPeriod": FailureCode.VALIDITY_REFUSED,
    }
)
"""Their error types, and ours."""


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"Authorization": f"Bearer {key}", "X-Pbp-Version": API_VERSION}


def path(reference: UUID) -> str:
    """Return where an eligibility lives."""
    return f"/eligibilities/{reference}"


def eligibility(provider: str, permit: SharedPermit) -> dict[str, object]:
    """Return an eligibility; both its days are included."""
    validity = needed(provider, permit.validity)
    return {
        "vehicle": {
            "licensePlate": needed(provider, permit.plate),
            "countryCode": needed(provider, permit.country),
        },
        "locations": list(needed(provider, permit.zones)),
        "eligibilityType": needed(provider, permit.profile),
        "validFrom": validity.first_day.isoformat(),
        "validTo": validity.last_day.isoformat(),
    }


def accepted(data: object, reference: UUID) -> bool:
    """Tell whether an answer says that this eligibility stands."""
    return isinstance(data, dict) and data.get("eligibilityId") == str(reference)


def unknown(data: object) -> bool:
    """Tell whether an answer says that they know no such eligibility."""
    return isinstance(data, dict) and data.get("errorType") == "EligibilityNotFound"


def failure(data: object) -> FailureCode:
    """Return our word for their error document."""
    code = data.get("errorType") if isinstance(data, dict) else None
    return FAILURES.get(code, FailureCode.REQUEST_REFUSED) if isinstance(code, str) else FailureCode.REQUEST_REFUSED
