"""EasyPark: two ways to put, each falling back on the other; numbers for errors; days written as midnights."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.easypark.adapter import EasyPark
from integrations.errors import FailureCode, RejectedError, UnclearError
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.easypark_rights import NAME, Run, copy, put, record, remove, sandboxed
from tests.support.waiting import eventually


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[EasyPark]:
    with sandboxed(sandbox, run) as found:
        yield found


def ways(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    return [(request.method, request.status) for request in sandbox.control.requests(NAME)]


@st.composite
def permits(draw: st.DrawFn) -> SharedPermit:
    days = sorted(draw(st.tuples(*[st.dates(date(1900, 1, 1), date(2200, 12, 31))] * 2)))
    letters = "ABCXYZ0189ÄØЖЩΩאبกあ京٣"
    return SharedPermit(
        reference=draw(st.uuids(version=4)),
        plate=draw(st.text(letters, min_size=1, max_size=20)),
        country=draw(st.text("AFZ", min_size=2, max_size=2)),
        zones=tuple(draw(st.lists(st.text("aZ0_-", min_size=1, max_size=10), min_size=1, max_size=8, unique=True))),
        profile=draw(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)),
        validity=Validity(*days),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(permit=permits())
def test_whatever_is_put_is_held_and_listed_as_it_was(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.reset(NAME)
    run(adapter.send(put(permit)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}
    assert run(adapter.page(None)).copies == [copy(permit)]


@pytest.mark.parametrize("day", [date(2024, 3, 31), date(2024, 10, 27), date(1911, 3, 11), date(1940, 6, 14)])
def test_a_day_on_which_the_clock_changes_is_that_day(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit, day: date
) -> None:
    permit = replace(permit, validity=Validity(day, day))
    run(adapter.send(put(permit)))

    assert sandbox.control.held(NAME)[permit.reference] == record(permit)
    assert run(adapter.page(None)).copies == [copy(permit)]


def test_the_first_put_registers_and_a_later_one_extends_with_one_request_each(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA", zones=("75014_B", "75001"))
    run(adapter.send(put(permit)))
    run(adapter.send(put(changed, 2)))

    assert ways(sandbox) == [("POST", 201), ("PUT", 204)]
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


def test_what_is_registered_already_is_left_as_it_is(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold(NAME, permit.reference, record(permit))
    run(adapter.send(put(permit)))

    assert ways(sandbox) == [("POST", 409)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


@pytest.mark.parametrize(
    "other",
    [
        {"plate": "WW123AA"},
        {"country": "QY"},
        {"zones": ("75014_B", "75014_A")},
        {"profile": "zz_two_wheeler"},
        {"validity": Validity(date(2024, 3, 31), date(2024, 10, 28))},
    ],
    ids=lambda other: str(*other),
)
def test_what_is_registered_otherwise_is_put_right(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit, other: dict[str, Any]
) -> None:
    sandbox.control.hold(NAME, permit.reference, record(replace(permit, **other)))
    run(adapter.send(put(permit)))

    assert ways(sandbox) == [("POST", 409), ("PUT", 204)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_later_put_registers_what_is_not_there(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit, 7)))

    assert ways(sandbox) == [("PUT", 404), ("POST", 201)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_change_that_arrives_after_the_removal_brings_nothing_back(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    sandbox.control.misbehave(NAME, Kind.LATE, count=1, delay_ms=300)
    with pytest.raises(UnclearError):
        run(adapter.send(put(replace(permit, plate="WW123AA"), 2)))
    run(adapter.send(remove(permit.reference, 3)))
    eventually(lambda: all(request.applied_ms is not None for request in sandbox.control.requests(NAME)))

    assert sandbox.control.held(NAME) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"plate": "qj817xk"}, FailureCode.PLATE_REFUSED),
        ({"plate": "QJ-817-XK"}, FailureCode.PLATE_REFUSED),
        ({"country": "fr"}, FailureCode.COUNTRY_REFUSED),
        ({"zones": ("75014 A",)}, FailureCode.ZONE_UNKNOWN),
        ({"zones": ("75014_A", "75014_A")}, FailureCode.ZONE_UNKNOWN),
        ({"profile": "Resident"}, FailureCode.PROFILE_UNKNOWN),
        ({"validity": Validity(date(2024, 9, 17), date(2024, 9, 15))}, FailureCode.VALIDITY_REFUSED),
        ({"validity": Validity(date(1899, 1, 1), date(2024, 9, 15))}, FailureCode.VALIDITY_REFUSED),
        ({"zones": tuple(f"7500{number}" for number in range(9))}, FailureCode.REQUEST_REFUSED),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.value,
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_refusal_is_named_by_its_number(
    adapter: EasyPark,
    sandbox: Sandbox,
    run: Run,
    permit: SharedPermit,
    change: dict[str, Any],
    code: FailureCode,
    version: int,
) -> None:
    with pytest.raises(RejectedError) as caught:
        run(adapter.send(put(replace(permit, **change), version)))

    assert (caught.value.code, caught.value.status) == (code, 400)
    assert sandbox.control.held(NAME) == {}


def test_removing_what_is_not_there_is_success(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    run(adapter.send(remove(uuid4())))
    run(adapter.send(remove(permit.reference)))
    run(adapter.send(remove(permit.reference, 3)))

    assert ways(sandbox) == [("POST", 201), ("DELETE", 404), ("DELETE", 204), ("DELETE", 404)]
    assert sandbox.control.held(NAME) == {}


@pytest.mark.parametrize("zones", [(), None])
def test_a_permit_without_zones_is_not_sent(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit, zones: tuple[str, ...] | None
) -> None:
    with pytest.raises(RejectedError) as caught:
        run(adapter.send(put(replace(permit, zones=zones))))

    assert caught.value.code == FailureCode.FIELD_MISSING
    assert ways(sandbox) == []
