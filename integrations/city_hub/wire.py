"""Parkkihubi's JSON and words; contract.yaml says which are verified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.base import days_of, instants, needed, reference_of, written
from integrations.errors import FailureCode
from schemas.shared import Copy, SharedPermit, Validity

Document = Mapping[str, object]

ACTIVE_PERMITS = "/activepermit/"
PERMITS = "/permit/"
ALL_SERIES = "/permitseries/"

FAILURES: Mapping[str, FailureCode] = MappingProxyType(
    {
        "domain": FailureCode.UNAUTHORISED,  # a setting of ours
        "series": FailureCode.UNAVAILABLE,  # it went away meanwhile
        "subjects": FailureCode.PLATE_REFUSED,
        "areas": FailureCode.ZONE_UNKNOWN,
    }
)
"""The member in which they find a fault, and our word; their texts are in the server's language."""

NOT_THE_PERMITS = frozenset({FailureCode.UNAUTHORISED, FailureCode.UNAVAILABLE})
"""Faults that every permit would have: nothing was stored, and the same request may be accepted later."""

TAKEN = "non_field_errors"
"""The member in which a row of a list is refused when the series has its external id already."""


class Series(NamedTuple):
    """A series of permits; the active one counts on the street."""

    id: int
    active: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A permit as they list or return it; `place` is what lists are ordered by."""

    reference: UUID | None  # None: it cannot be one of ours
    place: tuple[int, int]
    document: Document = field(repr=False)

    @property
    def series(self) -> int:
        """Return the series that it lies in."""
        return self.place[0]

    @property
    def number(self) -> int:
        """Return their own number of it, which no other permit has."""
        return self.place[1]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of whatever they list."""

    items: Sequence[object] = field(repr=False)
    total: int  # on all pages
    more: bool


def headers(key: str) -> dict[str, str]:
    """Return what every request carries."""
    return {"Authorization": f"ApiKey {key}"}


def active_permit(reference: UUID) -> str:
    """Return where a permit of the active series lives; without the last slash they redirect."""
    return f"{ACTIVE_PERMITS}{reference}/"


def series_path(series: int) -> str:
    """Return where a series lives."""
    return f"{ALL_SERIES}{series}/"


def activation(series: int) -> str:
    """Return where a series is activated."""
    return f"{ALL_SERIES}{series}/activate/"


def permits_of(series: int) -> str:
    """Return where the permits of a series are listed."""
    return f"{PERMITS}?series={series}"


def permits_under(reference: UUID) -> str:
    """Return where the permits of one external id are listed, those of inactive series too."""
    return f"{PERMITS}?external_id={reference}"


def permit(number: int) -> str:
    """Return where a permit of any series lives."""
    return f"{PERMITS}{number}/"


def page_of(path: str, number: int) -> str:
    """Return where a page of a list is; the first is number 1."""
    return f"{path}?page={number}"


@dataclass(frozen=True, slots=True)
class Words:
    """How a permit is put into their words and read from them."""

    provider: str
    domain: str
    zone: ZoneInfo

    def document(self, permit: SharedPermit) -> Document:
        """Return a permit for the active series, in force up to the first instant after its last day."""
        start, end = instants(needed(self.provider, permit.validity), self.zone)
        span = {"start_time": written(start), "end_time": written(end)}
        return {
            "domain": self.domain,
            "external_id": str(permit.reference),
            "subjects": [{**span, "registration_number": needed(self.provider, permit.plate)}],
            "areas": [{**span, "area": area} for area in needed(self.provider, permit.zones)],
        }

    def stored(self, found: Row | None, permit: SharedPermit) -> bool:
        """Tell whether they say that they hold exactly this."""
        sent = Copy(permit.reference, plate=permit.plate, zones=permit.zones, validity=permit.validity)
        return found is not None and found.reference == sent.reference and self.copy(sent.reference, found) == sent

    def copy(self, reference: UUID, found: Row) -> Copy:
        """Return what they hold; nothing but the reference when it is not of the form that we send."""
        bare, document = Copy(reference), found.document
        subjects, areas = _items(document.get("subjects")), _items(document.get("areas"))
        if len(subjects) != 1 or not areas or document.get("domain") != self.domain:
            return bare
        plate, zones = subjects[0].get("registration_number"), [area.get("area") for area in areas]
        validity = _validity([*subjects, *areas], self.zone)
        if validity is None or not isinstance(plate, str):
            return bare
        return Copy(reference, plate=plate, zones=tuple(str(area) for area in zones), validity=validity)


def in_series(permit: Document, series: int) -> Document:
    """Return a permit for a series of our choice."""
    return {"series": series, **permit}


def row(data: object) -> Row | None:
    """Read a permit; None when it is none."""
    if not isinstance(data, dict):
        return None
    series, number = data.get("series"), data.get("id")
    if not isinstance(series, int) or not isinstance(number, int):
        return None
    return Row(reference_of(data.get("external_id")), (series, number), data)


def series(data: object) -> Series | None:
    """Read a series; None when it is none."""
    number, active = (data.get("id"), data.get("active")) if isinstance(data, dict) else (None, None)
    return Series(number, active) if isinstance(number, int) and isinstance(active, bool) else None


def listed(data: object) -> Listed | None:
    """Read a page; None when it is none."""
    if not isinstance(data, dict):
        return None
    items, total, more = data.get("results"), data.get("count"), data.get("next") is not None
    if not isinstance(items, list) or not isinstance(total, int) or (more and not items):
        return None
    return Listed(items, total, more)


def activated(data: object) -> bool:
    """Tell whether they say that a series is active now."""
    return isinstance(data, dict) and data.get("status") in {"OK", "No change"}


def absent(data: object) -> bool:
    """Tell whether it is they who say that something is not there."""
    return isinstance(data, dict) and isinstance(data.get("detail"), str)


def failure(data: object) -> FailureCode:
    """Return our word for what they refuse."""
    if not isinstance(data, dict):
        return FailureCode.REQUEST_REFUSED
    return next((code for member, code in FAILURES.items() if member in data), FailureCode.REQUEST_REFUSED)


def faulty_rows(data: object, count: int) -> Mapping[int, Document]:
    """Return the faults of a refused list of `count` rows, by the number of the row; none when it says nothing of rows.

    It is parallel to the list with Django REST framework 3.17, and has the faulty rows alone, by number, with 3.18.
    """
    faults: Mapping[int, object] = {}
    if isinstance(data, list) and len(data) == count:
        faults = dict(enumerate(data))
    elif isinstance(data, dict) and all(number.isdecimal() and int(number) < count for number in data):
        faults = {int(number): fault for number, fault in data.items()}
    return {number: fault for number, fault in faults.items() if isinstance(fault, dict) and fault}


def _items(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else []


def _validity(items: Sequence[Document], zone: ZoneInfo) -> Validity | None:
    """Return the days on which all items are in force; None when they differ or are no whole days."""
    spans = {(str(item.get("start_time")), str(item.get("end_time"))) for item in items}
    found = {days_of(start, end, zone) for start, end in spans}
    return found.pop() if len(found) == 1 else None
