"""EasyPark's server (integrations/easypark/contract.yaml)."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, unquote
from zlib import crc32
from zoneinfo import ZoneInfo

from integrations.sandbox.provider import Provider
from integrations.sandbox.records import (
    MOST_ZONES,
    Answer,
    Flaw,
    Record,
    Reply,
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

METHODS = {"/parking": "GET", "/parking/register": "POST", "/parking/extend/": "PUT", "/parking/cancel/": "DELETE"}
NOWHERE = Answer(404, b"no such resource")  # not in their format: a wrong URL is not an unknown right

WRONG, NO_LOCATION, NO_KEY, NO_METHOD, NO_RIGHT = 2, 23, 1001, 1004, 1107
NUMBERS = {Flaw.PLATE: 1101, Flaw.COUNTRY: 1102, Flaw.ZONE: NO_LOCATION, Flaw.PROFILE: 1103, Flaw.PERIOD: 1104}
MESSAGES = {
    WRONG: "The request is wrong",
    NO_LOCATION: "No such location",
    NO_KEY: "Not a valid key",
    NO_METHOD: "No such method",
    NO_RIGHT: "No such parking right",
}

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,50}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,7})?(Z|[+-][0-9]{2}:[0-9]{2})")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2201, 1, 1)
LIMIT = re.compile(r"[1-9][0-9]{0,3}")
PAGE = 1_000
FIRST_NUMBER = 5_000_000_000


class Server(Provider):
    """Parking rights by our reference: register creates, extend replaces, cancel removes."""

    secrets = ("key",)

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Serve clients with the key."""
        super().__init__(secrets, zone)
        self._order = _Order()

    def answer(self, sent: Sent) -> Reply:
        """Answer a request."""
        if sent.headers.get("x-api-key") != self._secrets["key"]:
            return Reply(_error(401, NO_KEY))
        path, _, query = sent.path.partition("?")
        place = path[: path.rindex("/") + 1] if path not in METHODS else path
        if place not in METHODS:
            return Reply(NOWHERE)
        if sent.method != METHODS[place]:
            return Reply(_error(405, NO_METHOD)._replace(headers={"Allow": METHODS[place]}))
        try:
            if sent.method == "GET":
                return Reply(self._page(sent, query))
            if query:
                raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
            if sent.method == "POST":
                return self._register(sent)
            reference = _reference(unquote(path.removeprefix(place)))
            return self._extend(reference, sent) if sent.method == "PUT" else self._cancel(reference, sent)
        except RequestRefusedError as refused:
            return Reply(_error(400, NUMBERS.get(refused.flaw, WRONG)))
        except _NotJsonError:
            return Reply(_error(415, WRONG))

    def hold(self, reference: str, record: Record) -> None:
        """Add a right, as the control asks."""
        if reference not in self.held:
            self._order.add(reference)
        super().hold(reference, record)

    def reset(self) -> None:
        """Drop all rights."""
        super().reset()
        self._order = _Order()

    def _register(self, sent: Sent) -> Reply:
        reference, record = self._right(sent)
        there = self.held.get(reference)
        if there is not None:
            return Reply(Answer(409, self._listed(reference, there)), references=(reference,))

        def register() -> None:
            if reference not in self.held:
                self.hold(reference, record)

        return Reply(Answer(201, self._listed(reference, record)), register, (reference,))

    def _extend(self, reference: str, sent: Sent) -> Reply:
        named, record = self._right(sent)
        if named != reference:
            raise RequestRefusedError(Flaw.REFERENCE)
        if reference not in self.held:
            return Reply(_error(404, NO_RIGHT), references=(reference,))

        def extend() -> None:
            if reference in self.held:
                self.hold(reference, record)

        return Reply(Answer(204), extend, (reference,))

    def _cancel(self, reference: str, sent: Sent) -> Reply:
        if sent.body:
            raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
        if reference not in self.held:
            return Reply(_error(404, NO_RIGHT), references=(reference,))
        return Reply(Answer(204), lambda: self.drop(reference), (reference,))

    def _page(self, sent: Sent, query: str) -> Answer:
        given = parse_qsl(query, keep_blank_values=True)
        asked = dict(given)
        limit = asked.pop("limit", str(PAGE))
        after = _reference(asked.pop("after")) if "after" in asked else ""
        if sent.body or asked or len(given) > len(dict(given)) or not LIMIT.fullmatch(limit) or int(limit) > PAGE:
            raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
        rights: list[object] = []
        last = ""
        for reference in self._order.after(after):
            record = self.held.get(reference)
            if record is None or reference == last:
                continue
            if len(rights) == int(limit):
                return Answer(200, {"parkingrights": rights, "next": last})
            rights.append(self._listed(reference, record))
            last = reference
        return Answer(200, {"parkingrights": rights, "next": None})

    def _right(self, sent: Sent) -> tuple[str, Record]:
        """Read a right; its locations keep their order."""
        external, registration, issuer, location, locations, tariff, start, end = members(
            _document(sent),
            "externalReferenceId",
            "licensePlate",
            "licensePlateCountry",
            "locationCode",
            "enforcementLocations",
            "profile",
            "startDate",
            "endDate",
        )
        reference = _reference(text(external))
        found = zones(items(locations, at_most=MOST_ZONES))
        if location != found[0]:
            raise RequestRefusedError(Flaw.ZONE)
        days = period(_day(start, self._zone), _day(end, self._zone) - timedelta(days=1))
        return reference, Record(plate(registration), country(issuer), found, profile(tariff), *days)

    def _listed(self, reference: str, record: Record) -> dict[str, object]:
        return {
            "parkingrightId": FIRST_NUMBER + crc32(reference.encode()),
            "externalReferenceId": reference,
            "licensePlate": record.plate,
            "licensePlateStripped": record.plate,
            "startDate": _midnight(record.first_day, self._zone),
            "endDate": _midnight(record.last_day + timedelta(days=1), self._zone),
            "profile": record.profile,
            "extraProperties": {
                "locationCode": record.zones[0],
                "licensePlateCountry": record.country,
                "enforcementLocations": json.dumps(record.zones),
            },
        }


class _Order:
    """References in order; a removed right's stays, a restored right's is there twice."""

    def __init__(self) -> None:
        self._sorted: list[str] = []
        self._new: list[str] = []

    def add(self, reference: str) -> None:
        self._new.append(reference)

    def after(self, reference: str) -> Iterator[str]:
        if self._new:
            self._sorted += sorted(self._new)
            self._sorted.sort()  # two sorted runs, merged
            self._new = []
        start = bisect_right(self._sorted, reference)
        return (self._sorted[place] for place in range(start, len(self._sorted)))


class _NotJsonError(Exception):
    """A body without the content type of JSON."""


def _error(status: int, number: int) -> Answer:
    """Return an error document; the outer number is the step's, the inner one the fault's."""
    message = MESSAGES.get(number, MESSAGES[WRONG])
    outer = number if number in {NO_LOCATION, NO_KEY, NO_METHOD} else WRONG
    return Answer(status, {"code": outer, "message": message, "errors": [{"code": number, "message": message}]})


def _document(sent: Sent) -> object:
    if sent.headers.get("Content-Type") != "application/json":
        raise _NotJsonError
    try:
        return json.loads(sent.body)
    except (ValueError, RecursionError):
        raise RequestRefusedError(Flaw.NOT_JSON) from None


def _reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        raise RequestRefusedError(Flaw.REFERENCE)
    return value


def _day(value: object, zone: ZoneInfo) -> date:
    """Return the day that begins at an instant."""
    written = text(value)
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


@lru_cache(maxsize=4_096)
def _midnight(day: date, zone: ZoneInfo) -> str:
    return f"{datetime.combine(day, time(), zone).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
