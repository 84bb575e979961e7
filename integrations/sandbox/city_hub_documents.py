"""What the city's hub reads and tells: its JSON, and what it finds wrong with ours."""

import re
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from integrations.sandbox.city_hub_store import Item, Permit, Series
from integrations.sandbox.records import Record

Document = dict[str, object]
Errors = dict[str, object]

EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
DOMAIN = re.compile(r"[A-Z]{1,10}")  # every domain of that form is known
AREA = re.compile(r"[A-Za-z0-9_-]{1,10}")  # and so is every area
PLATE_LENGTH = 20
AREA_LENGTH = 10
LARGEST_ID = 2_147_483_647
REQUIRED = "This field is required."
TIMES = ("start_time", "end_time")


class BadRequest(Exception):  # noqa: N818 - what the contract calls it
    """A document that is refused: what is wrong, by member."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("refused")
        self.errors = errors


class KeyMissing(Exception):  # noqa: N818 - it is no answer of theirs: they break on it
    """A document without one of the lists."""


class Given(NamedTuple):
    """What a document says of a permit; `series` is None where the document has no place for it."""

    series: int | None
    external_id: str | None
    domain: str
    subjects: tuple[Item, ...]
    areas: tuple[Item, ...]


def read(value: object, *members: str, optional: str = "") -> Given:
    """Read a permit that has these members; those of `optional` may be left out.

    Raises:
        BadRequest: it is refused.
        KeyMissing: they break on it.
    """
    if not isinstance(value, dict):
        raise BadRequest({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {_type(value)}."]})
    errors: Errors = {name: ["Unknown field."] for name in value if name not in members}
    errors |= {
        name: [REQUIRED] for name in members if name not in value and name not in {"subjects", "areas", optional}
    }
    items: dict[str, tuple[Item, ...]] = {}
    for member, name, length in (("subjects", "registration_number", PLATE_LENGTH), ("areas", "area", AREA_LENGTH)):
        try:
            items[member] = _items(value[member], name, length) if member in value else ()
        except ValueError as error:
            errors[member] = [str(error)]
    for member, check in (("external_id", _external_id), ("domain", _domain), ("series", _series)):
        if member in value and member in members and (wrong := check(value[member])):
            errors[member] = [wrong]
    if not errors and (unknown := sorted({item.name for item in items["areas"] if not AREA.fullmatch(item.name)})):
        errors["areas"] = [f"Unknown identifiers: {', '.join(unknown)}"]
    if errors:
        raise BadRequest(errors)
    if not {"subjects", "areas"} <= value.keys():
        raise KeyMissing
    return Given(value.get("series"), value.get("external_id"), value["domain"], items["subjects"], items["areas"])


def permit(found: Permit, *, as_stored: bool) -> Document:
    """Tell a permit; what was stored before comes with its members in another order."""
    return {
        "id": found.id,
        "series": found.series,
        "external_id": found.external_id,
        "subjects": [_item(item, "registration_number", as_stored=as_stored) for item in found.subjects],
        "areas": [_item(item, "area", as_stored=as_stored) for item in found.areas],
        "properties": None,
        "domain": found.domain,
    }


def series(found: Series) -> Document:
    """Tell a series."""
    return {"id": found.id, "created_at": found.made_at, "modified_at": found.made_at, "active": found.active}


def record(found: Permit, zone: ZoneInfo) -> Record:
    """Put a permit into the words common to all: the days on which it is in force, if only in part."""
    items = found.subjects + found.areas
    starts = [datetime.fromisoformat(item.start).astimezone(zone).date() for item in items]
    ends = [datetime.fromisoformat(item.end) - timedelta(microseconds=1) for item in items]
    return Record(
        plate=found.subjects[0].name if found.subjects else "",
        country=None,
        zones=tuple(item.name for item in found.areas),
        profile=None,
        first_day=min(starts, default=date.min),
        last_day=max((end.astimezone(zone).date() for end in ends), default=date.min),
    )


def items(held: Record, zone: ZoneInfo) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Return the subjects and areas of what is held in the words common to all."""
    days = (held.first_day, held.last_day + timedelta(days=1))
    start, end = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).isoformat() for day in days)
    return (Item(held.plate, start, end),), tuple(Item(zone_code, start, end) for zone_code in held.zones)


def _items(value: object, name: str, length: int) -> tuple[Item, ...]:
    if value is None:
        raise ValueError("This field may not be null.")
    if not isinstance(value, list):
        raise ValueError("Must be a list")
    return tuple(_read_item(one, name, length) for one in value)


def _read_item(value: object, name: str, length: int) -> Item:
    if not isinstance(value, dict):
        raise ValueError("Each list item must be a dictionary")
    if extra := sorted(value.keys() - {name, *TIMES}):
        raise ValueError(f"Unknown fields in item: {', '.join(extra)}")
    for member in (*TIMES, name):
        if member not in value:
            raise ValueError(f'Field "{member}" is missing from an item')
    start, end = (_time(member, value[member]) for member in TIMES)
    said = value[name]
    if not isinstance(said, str):
        raise ValueError(f'Invalid "{name}" value {said!r}: Not a string')
    if len(said) > length:
        raise ValueError(f'Invalid "{name}" value {said!r}: Value longer than {length} characters')
    return Item(said, start, end)


def _time(member: str, value: object) -> str:
    """Return a time in UTC; one whose day cannot be told in every time zone is none."""
    problem = f'Invalid "{member}" value {value!r}: '
    if not isinstance(value, str):
        raise ValueError(f"{problem}Not a string")
    try:
        found = datetime.fromisoformat(value)
        in_utc = found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        raise ValueError(f"{problem}Not a timestamp string") from None
    if in_utc is None:
        raise ValueError(f"{problem}Missing timezone")
    if not MINYEAR < in_utc.year < MAXYEAR:
        raise ValueError(f"{problem}Not a timestamp string")
    return in_utc.isoformat()


def _external_id(value: object) -> str | None:
    if not isinstance(value, str):
        return "Not a valid string."
    if len(value) > 50:
        return "Ensure this field has no more than 50 characters."
    return None if EXTERNAL_ID.fullmatch(value) else "Enter a valid value."


def _domain(value: object) -> str | None:
    known = isinstance(value, str) and DOMAIN.fullmatch(value)
    return None if known else f"Object with code={value} does not exist."


def _series(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"Incorrect type. Expected pk value, received {_type(value)}."
    return None


def _item(item: Item, name: str, *, as_stored: bool) -> Mapping[str, str]:
    times = {"start_time": item.start, "end_time": item.end}
    if not as_stored:
        return {**times, name: item.name}
    return dict(sorted({**times, name: item.name}.items(), key=lambda member: (len(member[0]), member[0])))


def _type(value: object) -> str:
    return type(value).__name__
