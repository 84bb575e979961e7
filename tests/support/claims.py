"""What registers say: all that a job asks for, and no more."""

from datetime import UTC, date, datetime, time
from typing import Any

from schemas.verified import Plate as TypedPlate
from schemas.verified import Verified, VerifiedIncome, VerifiedResidence, VerifiedVehicle
from worker.domain.plates import Plate

SIV, DGFIP = "SIV", "DGFiP"


def vehicle(plate: Plate, today: date, profile: str = "standard") -> VerifiedVehicle:
    """Return the claim that a vehicle is the resident's, and entitles to a profile."""
    typed = TypedPlate(raw=plate.raw, country=plate.country)
    return VerifiedVehicle(register_name=SIV, verified_at=_noon(today), plate=typed, profiles=(profile,))


def residence(ban_id: str, today: date) -> VerifiedResidence:
    """Return the claim that the resident lives there."""
    return VerifiedResidence(register_name=DGFIP, verified_at=_noon(today), ban_id=ban_id)


def income(profile: str, today: date) -> VerifiedIncome:
    """Return the claim that the resident's income entitles to a profile."""
    return VerifiedIncome(register_name=DGFIP, verified_at=_noon(today), profiles=(profile,))


def everything(plate: Plate, ban_id: str, profile: str, today: date) -> Verified:
    """Return claims that verify all that a profile may require."""
    return Verified(
        vehicle=vehicle(plate, today, profile), residence=residence(ban_id, today), income=income(profile, today)
    )


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


CLAIMING = ("permit.request", "permit.change_vehicle", "permit.change_address")
"""The jobs that say what was verified."""


def sent(today: date, **asked: Any) -> dict[str, Any]:
    """Return claims that verify all that a job asks for, in their form on the wire."""
    said = {"register_name": SIV, "verified_at": _noon(today).isoformat()}
    profiles = ["standard", "two_wheeler", "low_emission", "non_taxable"]
    claims = {"income": said | {"profiles": profiles}}
    if "plate" in asked:
        claims["vehicle"] = said | {"plate": asked["plate"], "profiles": profiles}
    if "address" in asked:
        claims["residence"] = said | {"ban_id": asked["address"]["ban_id"]}
    return claims
