"""Read and write Indigo Neo's documents (integrations/indigo_neo/contract.yaml)."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from integrations.sandbox.records import (
    MOST_ZONES,
    Answer,
    Flaw,
    Record,
    RequestRefusedError,
    Sent,
    country,
    items,
    members,
    period,
    plate,
    profile,
    text,
    zones,
)

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LATEST_VERSION = 2**31 - 1
LATEST_INSTANT = 2**53 - 1
NUMBER = re.compile(r"[0-9]{1,16}")
OPTIONAL = ("all", "none", "plannedUses", "assignedRightIssuer")  # attributes that can be expanded
CLASS = "NumberPlate"
ISSUER = {"language": "en", "string": "Vehicle Registry"}
UTC_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

OK = {"status": "ok"}
MESSAGES = {
    Flaw.MISSING_FIELD: "Missing required attributes",
    Flaw.PLATE: "Invalid credential identifier",
    Flaw.COUNTRY: "Unknown credential class",
    Flaw.ZONE: "Unknown place",
    Flaw.PROFILE: "Unknown right specification",
    Flaw.PERIOD: "Invalid planned use",
}
NOT_FOUND = "Not found"
OUTDATED = "Outdated version number provided"
DUPLICATE = "Duplicate identifier"


class Right(NamedTuple):
    """One version of an assigned right."""

    id: str
    version: int
    record: Record


def error(status: int, message: str) -> Answer:
    """Return an error answer."""
    return Answer(status, {"status": "error", "code": status, "message": message})


def refused(flaw: Flaw) -> Answer:
    """Return the answer to a malformed request."""
    return error(400, MESSAGES.get(flaw, "Invalid request"))


def query(sent: Sent, *names: str) -> dict[str, str]:
    """Return the parameters; each must be known and given once."""
    given = parse_qsl(sent.path.partition("?")[2], keep_blank_values=True)
    found = dict(given)
    if len(given) > len(found) or not found.keys() <= set(names):
        raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
    return found


def number(value: str, *, least: int = 0, most: int = LATEST_INSTANT) -> int:
    """Return a parameter as a number."""
    if not NUMBER.fullmatch(value) or not least <= int(value) <= most:
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    return int(value)


def expands(value: str | None) -> bool:
    """Return whether planned uses are requested."""
    if value is None:
        return False
    wanted = value.split(",")
    if not set(wanted) <= set(OPTIONAL):
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    return "all" in wanted or "plannedUses" in wanted


def read(sent: Sent, zone: ZoneInfo) -> Right:
    """Return the right of a request's body."""
    if sent.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestRefusedError(Flaw.NOT_JSON)
    try:
        document = json.loads(sent.body)
    except (ValueError, RecursionError):
        raise RequestRefusedError(Flaw.NOT_JSON) from None
    own, version, specification, holder, expiry, uses = members(
        document, "id", "version", "rightSpecification", "rightHolder", "expiry", "plannedUses"
    )
    if not ID.fullmatch(text(own)):
        raise RequestRefusedError(Flaw.REFERENCE)
    (credentials,) = members(holder, "credentials")
    of, registration = _credential(items(credentials, at_most=1)[0])
    start, end = members(items(uses, at_most=1)[0], "startTime", "endTime")
    if expiry != end:
        raise RequestRefusedError(Flaw.PERIOD)
    days = period(_day(start, zone), _day(end, zone, back=1))
    right_profile, right_zones = _specification(specification)
    return Right(text(own), _version(version), Record(registration, of, right_zones, right_profile, *days))


def written(right: Right, zone: ZoneInfo, *, expanded: bool) -> dict[str, object]:
    """Return a right as in answers and lists."""
    record = right.record
    start, end = _midnight(record.first_day, zone), _midnight(record.last_day + timedelta(days=1), zone)
    return {
        "id": right.id,
        "version": right.version,
        "rightSpecification": {"id": ".".join((record.profile or "", *record.zones)), "version": 1},
        "rightHolder": {
            "credentials": [
                {
                    "type": "licensePlate",
                    "identifier": {"className": f"{_letters(record.country or '')}{CLASS}", "id": record.plate},
                    "issuer": [ISSUER],
                }
            ]
        },
        "expiry": end,
    } | ({"plannedUses": [{"startTime": start, "endTime": end}]} if expanded else {})


def deleted(reference: str, at: float) -> dict[str, object]:
    """Return a reference to a deleted right, with its second since 1970."""
    instant = datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat()
    return {"id": reference, "className": "AssignedRight", "deleteTimestamp": f"{instant}Z"}


def _version(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LATEST_VERSION:
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    return value


def _specification(value: object) -> tuple[str, tuple[str, ...]]:
    own, version = members(value, "id", "version")
    if type(version) is not int:
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    named, *where = text(own).split(".")
    if version != 1 or not where:
        raise RequestRefusedError(Flaw.PROFILE)
    if len(where) > MOST_ZONES:
        raise RequestRefusedError(Flaw.ZONE)
    return profile(named), zones(list(where))


def _credential(value: object) -> tuple[str, str]:
    """Return the country and the plate of a credential."""
    kind, identifier, issuer = members(value, "type", "identifier", "issuer")
    if kind != "licensePlate" or issuer != [ISSUER]:
        raise RequestRefusedError(Flaw.WRONG_TYPE)
    of, registration = members(identifier, "className", "id")
    letters = text(of).removesuffix(CLASS)
    found = "GB" if letters == "UK" else letters
    if f"{_letters(found)}{CLASS}" != of:
        raise RequestRefusedError(Flaw.COUNTRY)
    return country(found), plate(registration)


def _letters(of: str) -> str:
    """Return the letters of a country in the name of its class."""
    return "UK" if of == "GB" else of


def _day(value: object, zone: ZoneInfo, *, back: int = 0) -> date:
    """Return the city's day that begins at an instant in UTC, or one so many days before it."""
    try:
        if not TIME.fullmatch(text(value)):
            raise RequestRefusedError(Flaw.PERIOD)
        day = datetime.strptime(text(value), UTC_SECONDS).replace(tzinfo=UTC).astimezone(zone).date()
        if _midnight(day, zone) != value:
            raise RequestRefusedError(Flaw.PERIOD)
        return day - timedelta(days=back)
    except (ValueError, OverflowError):
        raise RequestRefusedError(Flaw.PERIOD) from None


@lru_cache(maxsize=4_096)
def _midnight(day: date, zone: ZoneInfo) -> str:
    """Return the instant at which a day of the city begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
