"""Flowbird's rows: the form of a batch, and the reasons to refuse a single row."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from integrations.sandbox.records import (
    MOST_ZONES,
    Flaw,
    Record,
    RequestRefusedError,
    Sent,
    items,
    members,
    period,
    plate,
    profile,
    text,
    zones,
)

MOST_ROWS = 500
REASONS = {
    Flaw.PLATE: "PLATE_FORMAT",
    Flaw.ZONE: "ZONE_UNKNOWN",
    Flaw.PROFILE: "PRODUCT_UNKNOWN",
    Flaw.PERIOD: "PERIOD_INVALID",
}
REFERENCE = re.compile(r"[A-Za-z0-9-]{1,40}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2201, 1, 1)
DAYS = 4_096  # cached


class NotJsonError(Exception):
    """A body that is not JSON."""


class TooManyRowsError(Exception):
    """A batch with too many rows."""


class Right(NamedTuple):
    """A well-formed right, with any values."""

    plate: str
    codes: list[object]
    product: str
    start: str
    end: str


class Row(NamedTuple):
    """A well-formed row; without a right it is a removal."""

    reference: str
    right: Right | None


def read(sent: Sent) -> list[Row]:
    """Return the rows of a batch.

    Raises:
        NotJsonError: it is not JSON.
        TooManyRowsError: it has too many rows.
        RequestRefusedError: it, or one of its rows, is malformed.
    """
    try:
        document = json.loads(sent.body)
    except (ValueError, RecursionError):
        raise NotJsonError from None
    (rows,) = members(document, "rows")
    if isinstance(rows, list) and len(rows) > MOST_ROWS:
        raise TooManyRowsError
    return [_row(row) for row in items(rows, at_most=MOST_ROWS)]


def record(right: Right, zone: ZoneInfo) -> Record:
    """Return a right's record, or refuse its row."""
    first, after = _day(right.start, zone), _day(right.end, zone)
    return Record(
        plate(right.plate),
        None,
        zones(right.codes),
        profile(right.product),
        *period(first, after - timedelta(days=1)),
    )


def listed(reference: str, held: Record, zone: ZoneInfo) -> Mapping[str, object]:
    """Return a right as in lists."""
    return {
        "reference": reference,
        "plate": held.plate,
        "zones": [{"code": code} for code in held.zones],
        "product": held.profile,
        "from": _midnight(held.first_day, zone),
        "until": _midnight(held.last_day + timedelta(days=1), zone),
    }


def _row(row: object) -> Row:
    if isinstance(row, dict) and row.get("action") == "REMOVE":
        _, reference = members(row, "action", "reference")
        return Row(_reference(reference), None)
    action, reference, right = members(row, "action", "reference", "right")
    if action != "UPSERT":
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    registration, places, product, start, end = members(right, "plate", "zones", "product", "from", "until")
    codes = [text(code) for place in items(places, at_most=MOST_ZONES) for code in members(place, "code")]
    return Row(_reference(reference), Right(text(registration), [*codes], text(product), text(start), text(end)))


def _reference(value: object) -> str:
    found = text(value)
    if not REFERENCE.fullmatch(found):
        raise RequestRefusedError(Flaw.REFERENCE)
    return found


@lru_cache(maxsize=DAYS)
def _day(written: str, zone: ZoneInfo) -> date:
    """Return the day that begins at an instant."""
    if not INSTANT.fullmatch(written):
        raise RequestRefusedError(Flaw.PERIOD)
    try:
        instant = datetime.fromisoformat(written)
        day = instant.astimezone(zone).date()
    except (ValueError, OverflowError):
        raise RequestRefusedError(Flaw.PERIOD) from None
    if not FIRST_DAY <= day <= LAST_DAY or datetime.combine(day, time(), zone).timestamp() != instant.timestamp():
        raise RequestRefusedError(Flaw.PERIOD)
    return day


@lru_cache(maxsize=DAYS)
def _midnight(day: date, zone: ZoneInfo) -> str:
    """Return the first instant of a day, with the city's offset unless that has seconds (until 1911)."""
    midnight = datetime.combine(day, time(), zone)
    whole_minutes = (midnight.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta()
    return (midnight if whole_minutes else midnight.astimezone(UTC)).isoformat()
