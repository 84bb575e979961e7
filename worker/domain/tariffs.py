"""What a permit costs and when it can be renewed: data from a TOML file, checked at start."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.base import Profile
from schemas.receipts import RefusalCode
from schemas.verified import Verifiable
from worker.domain.refusal import JobRefusedError

Cents = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]  # the most that a payment can carry
Years = Annotated[int, Field(ge=1, le=10)]  # the most that a job can ask for; a TOML key is text
_OF_ANY_PERMIT = frozenset({Verifiable.RESIDENCE, Verifiable.VEHICLE, Verifiable.VEHICLE_PROFILE})


class TariffsError(Exception):
    """The tariffs cannot be read: what is wrong, and which entry; never the file's name or content."""


class Offer(BaseModel):
    """A profile: its price in cents of a euro for each number of years, and what has to be verified for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    price_cents: Annotated[Mapping[Years, Cents], Field(min_length=1)]
    requires: frozenset[Verifiable]


class Tariffs(BaseModel):
    """Profiles with their prices, the periods for renewal and payment, and how many permits one resident may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    renewal_opens_months: Annotated[int, Field(strict=True, ge=0, le=12)]
    address_change_cents: Cents
    unpaid_lapses_after_days: Annotated[int, Field(strict=True, ge=1, le=366)]
    permits_at_once: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    verified_counts_days: Annotated[int, Field(strict=True, ge=1, le=3_660)]
    profiles: Annotated[Mapping[Profile, Offer], Field(min_length=1)]

    def knows(self, profile: str) -> bool:
        """Return whether a permit of this profile can take a new term."""
        return profile in self.profiles

    def requires(self, profile: str) -> frozenset[Verifiable]:
        """Return what has to be verified for a profile: of one that is no longer offered, all but the income."""
        offer = self.profiles.get(profile)
        return _OF_ANY_PERMIT if offer is None else offer.requires

    def price_cents(self, profile: str, years: int) -> int:
        """Return the price of a term.

        Raises:
            JobRefusedError: UNKNOWN_TARIFF of `profile` or `years`.
        """
        if profile not in self.profiles:
            raise JobRefusedError(RefusalCode.UNKNOWN_TARIFF, "profile")
        prices = self.profiles[profile].price_cents
        if years not in prices:
            raise JobRefusedError(RefusalCode.UNKNOWN_TARIFF, "years")
        return prices[years]


def load(path: Path) -> Tariffs:
    """Read and check a tariffs file.

    Raises:
        TariffsError: it is missing, is no TOML, or an entry is missing, unknown or out of range.
    """
    try:
        return Tariffs.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TariffsError(error.strerror) from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise TariffsError(faults) from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise TariffsError(f"not TOML: {error}") from None
