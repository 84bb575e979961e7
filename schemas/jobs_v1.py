"""Version 1 of the jobs that have a version 2: they named nothing that was verified, so nothing counts as verified."""

from collections.abc import Mapping

from schemas.base import Message, Profile
from schemas.jobs import (
    Address,
    ChangeAddress,
    ChangeVehicle,
    ClaimingJob,
    Job,
    PermitJob,
    RequestPermit,
    Years,
    Zones,
)
from schemas.verified import Plate, Verified


class Flags(Message):
    """What upstream called verified, without saying what."""

    residence: bool
    vehicle: bool


class RequestPermitV1(PermitJob):
    """Request a permit."""

    plate: Plate
    profile: Profile
    years: Years
    address: Address
    zones: Zones
    verified: Flags


class ChangeVehicleV1(PermitJob):
    """Move a permit to another vehicle."""

    plate: Plate


class ChangeAddressV1(PermitJob):
    """Move a permit to the resident's new main address."""

    address: Address
    zones: Zones


KINDS: Mapping[str, tuple[type[Job], type[ClaimingJob]]] = {
    "permit.request": (RequestPermitV1, RequestPermit),
    "permit.change_vehicle": (ChangeVehicleV1, ChangeVehicle),
    "permit.change_address": (ChangeAddressV1, ChangeAddress),
}
"""Each kind as it was, and as it is."""


def current(kind: str, job: Job) -> Job:
    """Return a job of version 1 as one of version 2, with nothing verified."""
    _, model = KINDS[kind]
    return model.model_construct(**{**dict(job), "schema_version": 2, "verified": Verified()})
