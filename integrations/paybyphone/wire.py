"""PayByPhone's JSON and words; contract.yaml says which are verified."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from integrations.base import needed
from integrations.errors import FailureCode
from schemas.shared import SharedPermit

TOKEN = "/identity/token"  # noqa: S105 - a path
HEADERS: Mapping[str, str] = MappingProxyType({"X-Pbp-Version": "2"})

FAILURES: Mapping[object, FailureCode] = MappingProxyType(
    {
        "LicensePlateInvalidFormat": FailureCode.PLATE_REFUSED,
        "CountryCodeNotFound": FailureCode.COUNTRY_REFUSED,
        "LocationNotFound": FailureCode.ZONE_UNKNOWN,
        "RateOptionNotFound": FailureCode.PROFILE_UNKNOWN,
        "PeriodInvalid": FailureCode.VALIDITY_REFUSED,
    }
)
"""Their error types, at once or in the end, and ours."""

# The last part of the address alone: a token must not go to whichever host the address names.
WORKFLOW = re.compile(r"/workflows/([A-Za-z0-9_-]{1,64})\Z")


class Status(StrEnum):
    """How a workflow stands."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    FAILED = "Failed"


def eligibility_path(reference: UUID) -> str:
    """Return where an eligibility lives."""
    return f"/eligibilities/{reference}"


def workflow_path(workflow: str) -> str:
    """Return where a workflow is asked."""
    return f"/workflows/{workflow}"


def eligibility(provider: str, permit: SharedPermit) -> dict[str, object]:
    """Return an eligibility; both its days are included.

    Raises:
        RejectedError: a field is not there.
    """
    validity = needed(provider, permit.validity)
    return {
        "vehicle": {
            "licensePlate": needed(provider, permit.plate),
            "countryCode": needed(provider, permit.country),
        },
        "locations": needed(provider, permit.zones),
        "eligibilityType": needed(provider, permit.profile),
        "validFrom": validity.first_day.isoformat(),
        "validTo": validity.last_day.isoformat(),
    }


def workflow(location: str | None) -> str | None:
    """Return the workflow that an address leads to; None when it is none."""
    found = WORKFLOW.search(location or "")
    return found[1] if found else None


def status(data: object) -> Status | None:
    """Return how a workflow stands; None when the document does not say, or not why it failed."""
    said = data.get("status") if isinstance(data, dict) else None
    found = next((status for status in Status if status == said), None)
    return None if found is Status.FAILED and _error_type(data) is None else found


def failed_by_themselves(data: object) -> bool:
    """Tell whether a failure is no word on what was asked for."""
    return _error_type(data) == "InternalServerError"


def no_eligibility(data: object) -> bool:
    """Tell whether an answer says that they have no such eligibility."""
    return _error_type(data) == "EligibilityNotFound"


def no_workflow(data: object) -> bool:
    """Tell whether an answer says that they know no such workflow."""
    return _error_type(data) == "WorkflowNotFound"


def failure(data: object) -> FailureCode:
    """Return our word for their error document, or for what a failed workflow says."""
    return FAILURES.get(_error_type(data), FailureCode.REQUEST_REFUSED)


def _error_type(data: object) -> str | None:
    found = data.get("errorType") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None
