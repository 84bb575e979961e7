"""Copies, requests and their effects, in a form common to all providers."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID


class Record(NamedTuple):
    """A provider's copy under one reference; days are civil days of the city, both included."""

    plate: str
    country: str | None  # None, here and below: the provider has no such field
    zones: tuple[str, ...]
    profile: str | None
    first_day: date
    last_day: date


class Sent(NamedTuple):
    """One request; the path is without the provider's part, and with the query."""

    method: str
    path: str
    headers: Mapping[str, str]  # case-insensitive
    body: bytes
    certificate: bool = False  # whether the client has a trusted one


class Answer(NamedTuple):
    """One answer: a JSON value, raw bytes, or nothing."""

    status: int
    body: object = None
    headers: Mapping[str, str] = MappingProxyType({})


Effect = Callable[[], None]
"""Carries out a request: changes the copies when it runs, at once, later or never."""


class Reply(NamedTuple):
    """The answer to a request, its references and its effects.

    A batch has exactly one effect for each row, in order.
    """

    answer: Answer
    effect: Effect | None = None
    references: tuple[str, ...] = ()
    rows: tuple[Effect, ...] = ()


REFERENCE_LENGTH = 36  # of the hub's own, which are UUIDs


def to_json(record: Record) -> dict[str, object]:
    """Return a record as the control's JSON."""
    return record._asdict() | {
        "first_day": record.first_day.isoformat(),
        "last_day": record.last_day.isoformat(),
    }


def from_json(found: Mapping[str, Any]) -> Record:
    """Return a record that `to_json` wrote."""
    return Record(
        plate=found["plate"],
        country=found["country"],
        zones=tuple(found["zones"]),
        profile=found["profile"],
        first_day=date.fromisoformat(found["first_day"]),
        last_day=date.fromisoformat(found["last_day"]),
    )


def numbered(number: int) -> tuple[str, Record]:
    """Return the reference and the record with a number, for measurements."""
    record = Record(f"ZZ{number}", "FR", ("75014",), "standard", date(2026, 1, 1), date(2026, 12, 31))
    return str(UUID(int=number, version=4)), record


class Flaw(StrEnum):
    """A fault that a strict provider finds in a request."""

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


class RequestRefusedError(Exception):
    """A request that a strict provider refuses."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


PLATE = re.compile(r"[^\W_]{1,20}")  # letters of any script and digits; upper case is checked separately
COUNTRY = re.compile(r"[A-Z]{2}")
ZONE = re.compile(r"[A-Za-z0-9_-]{1,10}")
PROFILE = re.compile(r"[a-z][a-z0-9_]{0,31}")
MOST_ZONES = 8


def members(value: object, *names: str) -> list[object]:
    """Return the values of an object that has exactly these keys."""
    if not isinstance(value, dict):
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    if len(value) > len(names) or any(name not in names for name in value):
        raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
    if len(value) < len(names):
        raise RequestRefusedError(Flaw.MISSING_FIELD)
    return [value[name] for name in names]


def items(value: object, *, at_most: int) -> list[object]:
    """Return a list, which must be neither empty nor too long."""
    if not isinstance(value, list) or not 1 <= len(value) <= at_most:
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    return value


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    return value


def plate(value: object) -> str:
    """Return a normalised plate."""
    found = text(value)
    if not PLATE.fullmatch(found) or found != found.upper():
        raise RequestRefusedError(Flaw.PLATE)
    return found


def country(value: object) -> str:
    """Return a country code."""
    return _matching(COUNTRY, value, Flaw.COUNTRY)


def zones(values: list[object]) -> tuple[str, ...]:
    """Return zone codes, each named once."""
    found = tuple(_matching(ZONE, value, Flaw.ZONE) for value in values)
    if len(set(found)) != len(found):
        raise RequestRefusedError(Flaw.ZONE)
    return found


def profile(value: object) -> str:
    """Return a tariff profile."""
    return _matching(PROFILE, value, Flaw.PROFILE)


def day(value: object) -> date:
    """Return a civil day."""
    try:
        found = date.fromisoformat(text(value))
    except ValueError:
        raise RequestRefusedError(Flaw.PERIOD) from None
    if found.isoformat() != value:
        raise RequestRefusedError(Flaw.PERIOD)
    return found


def period(first_day: date, last_day: date) -> tuple[date, date]:
    """Return two days, which must be in order."""
    if last_day < first_day:
        raise RequestRefusedError(Flaw.PERIOD)
    return first_day, last_day


def _matching(pattern: re.Pattern[str], value: object, flaw: Flaw) -> str:
    found = text(value)
    if not pattern.fullmatch(found):
        raise RequestRefusedError(flaw)
    return found
