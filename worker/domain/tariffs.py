"""What a permit costs and when it can be renewed: data from a TOML file, checked at start."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.base import Profile
from schemas.receipts import RefusalCode
from worker.domain.refusal import JobRefusedError

Cents = Annotated[int, Field(strict=True, ge=0, le=10_000_000)]  # the most that a payment can carry
Years = Annotated[int, Field(ge=1, le=10)]  # the most that a job can ask for; a TOML key is text


class TariffsError(Exception):
    """The tariffs cannot be read: what is wrong, and which entry; never the file's name or content."""


class Tariffs(BaseModel):
    """Prices in cents of a euro, the periods for renewal and payment, and how many permits one resident may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    renewal_opens_months: Annotated[int, Field(strict=True, ge=0, le=12)]
    address_change_cents: Cents
    unpaid_lapses_after_days: Annotated[int, Field(strict=True, ge=1, le=366)]
    permits_at_once: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    profiles: Annotated[Mapping[Profile, Annotated[Mapping[Years, Cents], Field(min_length=1)]], Field(min_length=1)]

    def knows(self, profile: str) -> bool:
        """Return whether a permit of this profile can take a new term."""
        return profile in self.profiles

    def price_cents(self, profile: str, years: int) -> int:
        """Return the price of a term.

        Raises:
            JobRefusedError: UNKNOWN_TARIFF of `profile` or `years`.
        """
        if profile not in self.profiles:
            raise JobRefusedError(RefusalCode.UNKNOWN_TARIFF, "profile")
        if years not in self.profiles[profile]:
            raise JobRefusedError(RefusalCode.UNKNOWN_TARIFF, "years")
        return self.profiles[profile][years]


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
