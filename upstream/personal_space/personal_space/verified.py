"""What MonParis has verified about a resident, as the session keeps it and the hub's jobs take it.

A malformed claim counts as missing. The session is a cookie, which browsers drop above 4 kB: of more vehicles and
residences than here the first ones count.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

MOST_VEHICLES, MOST_RESIDENCES = 4, 2

_Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_Profiles = Annotated[tuple[_Word, ...], Field(max_length=4)]
_Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=40)]


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Claim(_Said):
    register_name: _Line
    verified_at: AwareDatetime


class _Plate(_Said):
    raw: _Line
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}$")] = "FR"

    def is_typed(self, raw: str, country: str) -> bool:
        """Return whether somebody typed this plate; the hub reads both once more."""
        return self.country == country and _letters(self.raw) == _letters(raw)


class _Vehicle(_Claim):
    plate: _Plate
    profiles: _Profiles = ()


class _Residence(_Claim):
    ban_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")]


class _Income(_Claim):
    profiles: _Profiles


C = TypeVar("C", bound=_Claim)


class Verified(_Said):
    """The resident's vehicles, residences and income, each with the register that said so, and when."""

    vehicles: tuple[_Vehicle, ...] = ()
    residences: tuple[_Residence, ...] = ()
    income: _Income | None = None

    @classmethod
    def of(cls, claims: Mapping[str, object]) -> "Verified":
        """Read the claims `verified_vehicles`, `verified_residences` and `verified_income`."""
        return cls(
            vehicles=_read(_Vehicle, claims.get("verified_vehicles"), MOST_VEHICLES),
            residences=_read(_Residence, claims.get("verified_residences"), MOST_RESIDENCES),
            income=next(iter(_read(_Income, [claims.get("verified_income")], 1)), None),
        )

    def about(self, plate: Mapping[str, str] | None = None, ban_id: str | None = None) -> dict[str, object]:
        """Return what a job about a typed plate and an address can say; the income is left out without both."""
        vehicle = next((one for one in self.vehicles if plate and one.plate.is_typed(**plate)), None)
        residence = next((one for one in self.residences if one.ban_id == ban_id), None)
        income = self.income if plate and ban_id else None
        found = {"vehicle": vehicle, "residence": residence, "income": income}
        return {name: claim.model_dump(mode="json") for name, claim in found.items() if claim is not None}

    @property
    def plates(self) -> list[str]:
        """Return the plates of the verified vehicles."""
        return [vehicle.plate.raw for vehicle in self.vehicles]


def _read(kind: type[C], said: object, most: int) -> tuple[C, ...]:
    found: list[C] = []
    for one in said[:most] if isinstance(said, list) else ():
        with suppress(ValidationError):
            found.append(kind.model_validate(one))
    return tuple(found)


def _letters(plate: str) -> str:
    return "".join(letter for letter in plate.upper() if letter.isalnum())
