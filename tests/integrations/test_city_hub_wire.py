"""Permits are read back from the city hub's format as they were put."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.city_hub import wire
from schemas.shared import Copy, SharedPermit, Validity
from tests.integrations.city_hub import permit

REFERENCE = UUID("5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11")
ZONES = [ZoneInfo(name) for name in ("Europe/Paris", "America/Santiago", "Asia/Beirut", "UTC")]  # some skip midnights

days = st.dates(date(2000, 1, 1), date(2080, 1, 1))
permits = st.builds(
    lambda plate, zones, first, length: permit(
        reference=REFERENCE, plate=plate, zones=tuple(zones), validity=Validity(first, first + timedelta(length))
    ),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ÄΩЖ", min_size=1, max_size=20),
    st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,10}", fullmatch=True), min_size=1, max_size=8, unique=True),
    days,
    st.integers(0, 2000),
)


def told(document: wire.Document) -> dict[str, Any]:
    """Return a sent permit as they return it: times in UTC, keys in another order."""

    def in_utc(item: dict[str, str]) -> dict[str, str]:
        times = {name: datetime.fromisoformat(item[name]).astimezone(UTC).isoformat() for name in wire_times}
        return dict(sorted((item | times).items()))

    wire_times = ("start_time", "end_time")
    lists: dict[str, Any] = {name: document[name] for name in ("subjects", "areas")}
    return {**document, "id": 1, "series": 1, "properties": None} | {
        name: [in_utc(item) for item in items] for name, items in lists.items()
    }


def read(data: object, zone: ZoneInfo = ZONES[0]) -> Copy | None:
    row = wire.row(data)
    if row is None or row.reference is None:
        return None
    return wire.Words("city_hub", "PAR", zone).copy(row.reference, row)


@given(permits, st.sampled_from(ZONES))
def test_a_put_is_read_back_from_their_form(wanted: SharedPermit, zone: ZoneInfo) -> None:
    words = wire.Words("city_hub", "PAR", zone)
    data = told(words.document(wanted))

    assert read(data, zone) == Copy(REFERENCE, plate=wanted.plate, zones=wanted.zones, validity=wanted.validity)
    assert words.stored(wire.row(data), wanted)


def sample(**members: object) -> dict[str, Any]:
    words = wire.Words("city_hub", "PAR", ZONES[0])
    return told(words.document(permit(reference=REFERENCE))) | members


EARLIER = {"start_time": "2024-03-30T23:00:00+00:00", "end_time": "2024-10-27T22:59:59+00:00"}  # than midnight
LATER = {"start_time": "2024-03-30T23:00:00+00:00", "end_time": "2025-10-27T23:00:00+00:00"}


@pytest.mark.parametrize(
    "members",
    [
        {"domain": "HKI"},
        {"subjects": []},
        {"subjects": None},
        {"subjects": [1]},
        {"areas": []},
        {"areas": [{**LATER, "area": "14A"}]},
        {"areas": [{**LATER, "area": None}], "subjects": [{**LATER, "registration_number": None}]},
        {"subjects": [{**LATER, "registration_number": "X"}]},
        {"subjects": [{**EARLIER, "registration_number": "X"}], "areas": [{**EARLIER, "area": "14A"}]},
        {"subjects": [{**LATER, "registration_number": "X", "end_time": "2024-10-27T23:00:00"}]},
        {"subjects": [{**LATER, "registration_number": "X", "end_time": "soon"}]},
        {"subjects": [{**LATER, "registration_number": "X", "end_time": 5}]},
        {"subjects": [{**LATER, "registration_number": "X", "end_time": "0001-01-01T00:00:00+23:59"}]},
    ],
)
def test_a_permit_of_a_foreign_form_is_read_as_its_reference(members: dict[str, object]) -> None:
    assert read(sample(**members)) == Copy(REFERENCE)


@pytest.mark.parametrize("external_id", [None, "", 5, "x", str(REFERENCE).upper(), REFERENCE.hex])
def test_a_reference_that_we_never_write_is_not_ours(external_id: object) -> None:
    assert read(sample(external_id=external_id)) is None


def test_no_repr_shows_a_permit() -> None:
    data = sample()
    page = wire.listed({"count": 1, "next": None, "results": [data]})

    assert "QJ817XK" not in f"{wire.row(data)!r} {page!r}"
