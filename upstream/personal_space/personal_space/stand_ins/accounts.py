"""The accounts of the stand-in for MonParis."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

SHIPPED = Path(__file__).parent / "accounts.toml"


class Vehicle(BaseModel):
    """A vehicle that is registered to a resident, and the profiles that it entitles to."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    plate: str
    country: str = "FR"
    profiles: tuple[str, ...] = ()


class Account(BaseModel):
    """One resident's account at MonParis."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sub: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    name: str | None = None
    email: str
    password: str = Field(repr=False)
    locale: Literal["fr", "en"] = "fr"
    vehicles: tuple[Vehicle, ...] = ()
    residences: tuple[str, ...] = ()
    """Identifiers in the national address base."""
    income: tuple[str, ...] = ()
    """The profiles that it entitles to."""
    claims: dict[str, JsonValue] = {}
    """Further claims, or other values of those above, as other providers send them; some are malformed on purpose."""

    def claim(self, name: str) -> object:
        """Return a claim's value, or None."""
        return self.claims.get(name, getattr(self, name, None))


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    accounts: tuple[Account, ...] = Field(min_length=1)


def read(file: Path = SHIPPED) -> tuple[Account, ...]:
    """Read the accounts, in the file's order.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not TOML, or not valid.
    """
    return _File.model_validate(tomllib.loads(file.read_text())).accounts
