"""What a provider holds and what a request does to it, in words common to all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Record(NamedTuple):
    """What a provider holds under one reference; days are civil days of the city, both included."""

    plate: str
    country: str | None
    zones: tuple[str, ...]
    profile: str
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Change:
    """What a request does once it is applied; no record is a removal."""

    reference: UUID
    record: Record | None


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it came; the path without the provider's part."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a body of None is empty, bytes go out as they are."""

    status: int
    body: Mapping[str, object] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Flaw(StrEnum):
    """What a strict provider finds wrong with a request."""

    NOT_JSON = "not_json"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    REFERENCE = "reference"
    PLATE = "plate"
    COUNTRY = "country"
    ZONE = "zone"
    PROFILE = "profile"
    PERIOD = "period"


class RefusedError(Exception):
    """A request that a strict provider refuses."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


PLATE = re.compile(r"[^\W_]{1,20}")  # letters of any script and digits; upper case is checked apart
COUNTRY = re.compile(r"[A-Z]{2}")
ZONE = re.compile(r"[A-Za-z0-9_-]{1,10}")
PROFILE = re.compile(r"[a-z][a-z0-9_]{0,31}")
MOST_ZONES = 8


def members(value: object, *names: str) -> list[object]:
    """Return the values of an object that has exactly these members."""
    if not isinstance(value, dict):
        raise RefusedError(Flaw.WRONG_TYPE)
    if len(value) > len(names) or any(name not in names for name in value):
        raise RefusedError(Flaw.UNKNOWN_FIELD)
    if len(value) < len(names):
        raise RefusedError(Flaw.MISSING_FIELD)
    return [value[name] for name in names]


def items(value: object, *, at_most: int) -> list[object]:
    """Return a list that is neither empty nor too long."""
    if not isinstance(value, list) or not 1 <= len(value) <= at_most:
        raise RefusedError(Flaw.WRONG_TYPE)
    return value


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise RefusedError(Flaw.WRONG_TYPE)
    return value


def plate(value: object) -> str:
    """Return a normalised plate."""
    found = text(value)
    if not PLATE.fullmatch(found) or found != found.upper():
        raise RefusedError(Flaw.PLATE)
    return found


def country(value: object) -> str:
    """Return a country code."""
    return _matching(COUNTRY, value, Flaw.COUNTRY)


def zones(values: list[object]) -> tuple[str, ...]:
    """Return zone codes, each named once."""
    found = tuple(_matching(ZONE, value, Flaw.ZONE) for value in values)
    if len(set(found)) != len(found):
        raise RefusedError(Flaw.ZONE)
    return found


def profile(value: object) -> str:
    """Return a tariff profile."""
    return _matching(PROFILE, value, Flaw.PROFILE)


def day(value: object) -> date:
    """Return a civil day."""
    try:
        found = date.fromisoformat(text(value))
    except ValueError:
        raise RefusedError(Flaw.PERIOD) from None
    if found.isoformat() != value:
        raise RefusedError(Flaw.PERIOD)
    return found


def period(first_day: date, last_day: date) -> tuple[date, date]:
    """Return two days in their order."""
    if last_day < first_day:
        raise RefusedError(Flaw.PERIOD)
    return first_day, last_day


def _matching(pattern: re.Pattern[str], value: object, flaw: Flaw) -> str:
    found = text(value)
    if not pattern.fullmatch(found):
        raise RefusedError(flaw)
    return found
