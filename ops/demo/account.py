"""The demo's account: that of the residents' guide, with dates relative to today."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from personal_space import consent_text

from ops.shown.space import APPS
from worker.domain.terms import add_months

RESIDENT = "r-demo"
STANDARD = "standard"
TWO_WHEELER = "two_wheeler"
ADDRESS: Mapping[str, str] = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}
NEW_ADDRESS: Mapping[str, str] = {"ban_id": "75114_1834_00024", "label": "24 rue de l'Exemple, 75014 Paris"}
ZONES = ("14A", "14B")
NEW_ZONES = ("14B", "14C")

ACTIVE_PLATE, LAPSED_PLATE, CANCELLED_PLATE = "EF-367-QS", "PO-456-VB", "AA-111-AA"
REQUESTED_PLATE, OTHER_PLATE, ENDING_PLATE = "GH-578-KL", "FT-902-LM", "CD-315-MN"
CONTACT: Mapping[str, str] = {"name": "Élodie Exemple", "email": "elodie@example.org", "language": "fr"}

ACTIVE, LAPSED, CANCELLED, REQUESTED, ENDING = (uuid4() for _ in range(5))
"""The permits' ids, which upstream chooses."""


def in_a_year(today: date) -> date:
    """Return the last day of a permit of one year that starts today."""
    return add_months(today, 12)


def existing_permits(today: date, resident_id: str = RESIDENT) -> list[dict[str, object]]:
    """Return the three permits as the city's former system knows them."""
    yesterday = today - timedelta(days=1)
    permits = (
        _existing(ACTIVE, ACTIVE_PLATE, "active", today, (today, in_a_year(today))),
        _existing(LAPSED, LAPSED_PLATE, "active", today, (add_months(yesterday, -12), yesterday)),
        _existing(CANCELLED, CANCELLED_PLATE, "cancelled_by_resident", today),
    )
    return [{"resident_id": resident_id, **permit} for permit in permits]


def ending_in(days: int, today: date) -> dict[str, object]:
    """Return one more permit, with this many days left."""
    last = today + timedelta(days=days)
    first = add_months(last, -12)
    return {"resident_id": RESIDENT, **_existing(ENDING, ENDING_PLATE, "active", first, (first, last))}


def consent(choice: str, resident_id: str = RESIDENT) -> dict[str, object]:
    """Return the fields of a decision about all four apps, on the text that the residents' web app shows in French."""
    text = consent_text.proof(choice, APPS, f"{consent_text.VERSION}-fr")
    return {"resident_id": resident_id, "choice": choice, "providers": list(APPS), "text": text}


def verified(
    plate: Mapping[str, str] | None = None, address: Mapping[str, str] | None = None, profile: str = STANDARD
) -> dict[str, object]:
    """Return what registers say now of a vehicle, which entitles to a profile, and of an address."""
    now = datetime.now(UTC)
    said: dict[str, object] = {}
    if plate is not None:
        said["vehicle"] = {"plate": plate, "profiles": [profile], "register_name": "SIV", "verified_at": now}
    if address is not None:
        said["residence"] = {"ban_id": address["ban_id"], "register_name": "DGFiP", "verified_at": now}
    return said


def _existing(
    permit_id: UUID, plate: str, status: str, requested_on: date, *terms: tuple[date, date]
) -> dict[str, object]:
    return {
        "permit_id": permit_id,
        "status": status,
        "requested_on": requested_on,
        "plate": {"raw": plate},
        "profile": STANDARD,
        "address": ADDRESS,
        "zones": ZONES,
        "terms": [{"first_day": first, "last_day": last} for first, last in terms],
    }
