"""The data that a provider may hold about one permit: nothing else can leave the hub."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class SharedField(StrEnum):
    """The fields that a provider can declare to need."""

    PLATE = "plate"
    COUNTRY = "country"
    ZONES = "zones"
    PROFILE = "profile"
    VALIDITY = "validity"


@dataclass(frozen=True, slots=True)
class Validity:
    """A period of civil days in the city's time zone, both days included."""

    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class SharedPermit:
    """One permit as one provider may hold it; a field that the provider does not need is None.

    `reference` is opaque and differs from provider to provider. Only `worker.domain.consent` makes one.
    """

    reference: UUID
    plate: str | None
    country: str | None
    zones: tuple[str, ...] | None
    profile: str | None
    validity: Validity | None

    def __repr__(self) -> str:
        return f"SharedPermit(reference={self.reference})"


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy as a provider lists it, under one reference; a field that is unreadable or not its own is None."""

    reference: UUID
    plate: str | None = None
    country: str | None = None
    zones: tuple[str, ...] | None = None
    profile: str | None = None
    validity: Validity | None = None

    def __repr__(self) -> str:
        return f"Copy(reference={self.reference})"
