"""Flowbird's JSON and words. Assumed: nothing of Flowbird Hub is public; see README.md."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import instants, needed
from integrations.errors import FailureCode
from schemas.shared import SharedPermit

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        "PLATE_FORMAT": FailureCode.PLATE_REFUSED,
        "ZONE_UNKNOWN": FailureCode.ZONE_UNKNOWN,
        "PRODUCT_UNKNOWN": FailureCode.PROFILE_UNKNOWN,
        "PERIOD_INVALID": FailureCode.VALIDITY_REFUSED,
    }
)
"""Their reasons, and ours."""


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"X-Flowbird-Token": key}


def path(reference: UUID) -> str:
    """Return where a right lives."""
    return f"/hub/v1/rights/{reference}"


def right(provider: str, permit: SharedPermit, zone: ZoneInfo) -> dict[str, object]:
    """Return a right; its end is the first instant after it, with the city's offset."""
    start, end = instants(needed(provider, permit.validity), zone)
    return {
        "plate": needed(provider, permit.plate),
        "zones": [{"code": code} for code in needed(provider, permit.zones)],
        "product": needed(provider, permit.profile),
        "from": start.isoformat(),
        "until": end.isoformat(),
    }


def done(data: object, reference: UUID) -> bool:
    """Tell whether an answer says that the request about this right was carried out."""
    return isinstance(data, dict) and data.get("result") == "OK" and data.get("right") == str(reference)


def unknown(data: object) -> bool:
    """Tell whether an answer says that they know no such right."""
    return isinstance(data, dict) and data.get("reason") == "RIGHT_UNKNOWN"


def failure(data: object) -> FailureCode:
    """Return our word for their error document."""
    code = data.get("reason") if isinstance(data, dict) else None
    return FAILURES.get(code, FailureCode.REQUEST_REFUSED) if isinstance(code, str) else FailureCode.REQUEST_REFUSED
