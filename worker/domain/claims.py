"""What upstream has verified, compared with what a resident asks for: the rest is in doubt.

A claim counts for exactly what it names. Errors are those of a claim itself: INVALID_DATE if it was made in the
future, INVALID_VALUE or TOO_LONG of a plate that is none.
"""

from collections.abc import Iterable
from datetime import UTC, date, timedelta

from schemas.receipts import RefusalCode
from schemas.verified import (
    Claim,
    Doubt,
    Fault,
    Verifiable,
    Verified,
    VerifiedIncome,
    VerifiedResidence,
    VerifiedVehicle,
)
from worker.domain import plates
from worker.domain.plates import Plate
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs

_AHEAD = timedelta(days=1)  # a register may have another clock, and another zone


def doubts_of_residence(
    claim: VerifiedResidence | None, ban_id: str, profile: str, today: date, tariffs: Tariffs
) -> tuple[Doubt, ...]:
    """Return what an address leaves in doubt of what a profile requires."""
    fault = _fault(claim, "residence", today, tariffs)
    if fault is None and claim is not None and claim.ban_id != ban_id:
        fault = Fault.DIFFERENT
    return _doubts({Verifiable.RESIDENCE: fault}.items(), profile, tariffs)


def doubts_of_vehicle(
    claim: VerifiedVehicle | None, plate: Plate, profile: str, today: date, tariffs: Tariffs
) -> tuple[Doubt, ...]:
    """Return what a vehicle leaves in doubt of what a profile requires."""
    entitling = fault = _fault(claim, "vehicle", today, tariffs)
    if fault is None and claim is not None:
        if not _is(plate, claim):
            entitling = fault = Fault.DIFFERENT
        elif profile not in claim.profiles:
            entitling = Fault.UNVERIFIED
    return _doubts({Verifiable.VEHICLE: fault, Verifiable.VEHICLE_PROFILE: entitling}.items(), profile, tariffs)


def doubts_of_request(
    verified: Verified, plate: Plate, ban_id: str, profile: str, today: date, tariffs: Tariffs
) -> tuple[Doubt, ...]:
    """Return what a request leaves in doubt of all that its profile requires."""
    return (
        *doubts_of_residence(verified.residence, ban_id, profile, today, tariffs),
        *doubts_of_vehicle(verified.vehicle, plate, profile, today, tariffs),
        *_doubts_of_income(verified.income, profile, today, tariffs),
    )


def _doubts_of_income(claim: VerifiedIncome | None, profile: str, today: date, tariffs: Tariffs) -> tuple[Doubt, ...]:
    fault = _fault(claim, "income", today, tariffs)
    if fault is None and claim is not None and profile not in claim.profiles:
        fault = Fault.DIFFERENT
    return _doubts({Verifiable.INCOME: fault}.items(), profile, tariffs)


def _fault(claim: Claim | None, name: str, today: date, tariffs: Tariffs) -> Fault | None:
    """Return why a claim cannot count, whatever it names."""
    if claim is None:
        return Fault.UNVERIFIED
    made_on = claim.verified_at.astimezone(UTC).date()
    if made_on > today + _AHEAD:
        raise JobRefusedError(RefusalCode.INVALID_DATE, f"verified.{name}.verified_at")
    is_outdated = made_on < today - timedelta(days=tariffs.verified_counts_days)
    return Fault.OUTDATED if is_outdated else None


def _is(plate: Plate, claim: VerifiedVehicle) -> bool:
    """Return whether a claim is about this vehicle; where a division counts, it has to be known to be the same."""
    try:
        verified = plates.parse(claim.plate.raw, claim.plate.country)
    except JobRefusedError as fault:
        raise JobRefusedError(fault.code, f"verified.vehicle.{fault.field}") from None
    return _vehicle(verified) == _vehicle(plate)


def _vehicle(plate: Plate) -> tuple[str, str, int]:
    return plate.country, plate.normalised, plates.division(plate)


def _doubts(faults: Iterable[tuple[Verifiable, Fault | None]], profile: str, tariffs: Tariffs) -> tuple[Doubt, ...]:
    required = tariffs.requires(profile)
    return tuple(Doubt(about=about, fault=fault) for about, fault in faults if fault is not None and about in required)
