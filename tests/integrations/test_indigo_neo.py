"""Indigo Neo: rights whose versions we count; what is older than the latest version changes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.errors import FailureCode, NotSentError, RejectedError, StaleError, UnclearError
from integrations.indigo_neo.adapter import IndigoNeo
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.indigo_neo_rights import NAME, Run, copy, put, reach, record, remove, sandboxed, ways
from tests.support.waiting import eventually


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[IndigoNeo]:
    with sandboxed(sandbox, run) as found:
        yield found


@st.composite
def permits(draw: st.DrawFn) -> SharedPermit:
    days = sorted(draw(st.tuples(*[st.dates(date(1900, 1, 1), date(2200, 12, 31))] * 2)))
    return SharedPermit(
        reference=draw(st.uuids(version=4)),
        plate=draw(st.text("ABCXYZ0189ÄØЖЩΩאبกあ京٣", min_size=1, max_size=20)),
        country=draw(st.text("AFZ", min_size=2, max_size=2)),
        zones=tuple(draw(st.lists(st.text("aZ0_-", min_size=1, max_size=10), min_size=1, max_size=8, unique=True))),
        profile=draw(st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)),
        validity=Validity(*days),
    )


def test_a_british_plate_has_the_class_of_their_document(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    british = replace(permit, country="GB")
    run(adapter.send(put(british, 1)))
    (sent,) = (request for request in sandbox.control.requests(NAME) if request.method == "POST")
    assert '"className":"UKNumberPlate"' in sent.body.replace(" ", "")
    assert sandbox.control.held(NAME)[permit.reference].country == "GB"
    assert run(adapter.page(None)).copies == [copy(british)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(permit=permits(), version=st.integers(1, 1_000_000))
def test_whatever_is_put_is_held_and_listed_as_it_was(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, version: int
) -> None:
    sandbox.control.reset(NAME)
    run(adapter.send(put(permit, version)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}
    assert run(adapter.page(None)).copies == [copy(permit)]


@pytest.mark.parametrize("day", [date(2024, 3, 31), date(2024, 10, 27), date(1911, 3, 11), date(1940, 6, 14)])
def test_a_day_on_which_the_clock_changes_is_that_day(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, day: date
) -> None:
    permit = replace(permit, validity=Validity(day, day))
    run(adapter.send(put(permit)))

    assert sandbox.control.held(NAME)[permit.reference] == record(permit)
    assert run(adapter.page(None)).copies == [copy(permit)]


def test_the_first_version_is_created_later_ones_update_it_and_the_last_one_deletes_it_with_one_request_each(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA", zones=("75014_B", "75001"))
    run(adapter.send(put(permit)))
    run(adapter.send(put(changed, 2)))
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}

    run(adapter.send(remove(permit.reference, 3)))
    assert sandbox.control.held(NAME) == {}
    assert ways(sandbox) == [("POST", 201), ("PUT", 200), ("DELETE", 200)]


def test_what_was_deleted_is_created_again_by_a_later_version(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    run(adapter.send(remove(permit.reference, 2)))
    run(adapter.send(put(permit, 3)))

    assert ways(sandbox)[2:] == [("PUT", 404), ("POST", 201)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_what_they_have_lost_is_created_again(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    sandbox.control.drop(NAME, permit.reference)
    run(adapter.send(put(permit, 2)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_removal_tells_a_reference_and_a_version_and_nothing_else(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    run(adapter.send(remove(permit.reference, 2)))

    removal = sandbox.control.requests(NAME)[-1]
    assert removal.path == f"/rights/assigned/{permit.reference}?version=2"
    assert removal.body == ""


def test_a_change_that_arrives_after_the_removal_brings_nothing_back(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    sandbox.control.misbehave(NAME, Kind.LATE, count=1, delay_ms=300)
    with pytest.raises(UnclearError):
        run(adapter.send(put(replace(permit, plate="WW123AA"), 2)))
    run(adapter.send(remove(permit.reference, 3)))
    eventually(lambda: all(request.applied_ms is not None for request in sandbox.control.requests(NAME)))

    assert sandbox.control.held(NAME) == {}


def test_a_removal_that_arrives_after_a_change_takes_nothing_away(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    sandbox.control.misbehave(NAME, Kind.LATE, count=1, delay_ms=300)
    with pytest.raises(UnclearError):
        run(adapter.send(remove(permit.reference, 2)))
    run(adapter.send(put(permit, 3)))
    eventually(lambda: all(request.applied_ms is not None for request in sandbox.control.requests(NAME)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


@pytest.mark.parametrize("removal", [False, True])
def test_an_older_version_changes_nothing_and_learns_theirs(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, removal: bool
) -> None:
    run(adapter.send(put(permit, 7)))
    stale = remove(permit.reference, 4) if removal else put(replace(permit, plate="WW123AA"), 4)
    with pytest.raises(StaleError) as caught:
        run(adapter.send(stale))

    assert (caught.value.version, caught.value.status) == (7, 409)
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_first_version_of_what_is_there_already_learns_theirs(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit, 7)))
    with pytest.raises(StaleError) as caught:
        run(adapter.send(put(permit)))

    assert caught.value.version == 7


@pytest.mark.parametrize("version", [1, 2])
def test_a_change_whose_answer_was_lost_is_found_done(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, version: int
) -> None:
    sandbox.control.misbehave(NAME, Kind.RESET_AFTER, count=1, method="POST")
    with pytest.raises(UnclearError):
        run(adapter.send(put(permit, version)))
    run(adapter.send(put(permit, version)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


@pytest.mark.parametrize("version", [1, 2])
def test_their_right_of_the_same_version_that_says_something_else_is_not_taken_for_ours(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, version: int
) -> None:
    run(adapter.send(put(replace(permit, plate="WW123AA"), version)))
    with pytest.raises(StaleError) as caught:
        run(adapter.send(put(permit, version)))
    run(adapter.send(put(permit, caught.value.version + 1)))

    assert caught.value.version == version
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_hub_that_has_forgotten_versions_gets_past_a_deletion_one_by_one(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit, 5)))
    run(adapter.send(remove(permit.reference, 6)))
    run(adapter.send(remove(permit.reference, 3)))  # deleted is deleted
    version, refused = 4, []
    while sandbox.control.held(NAME) == {}:
        try:
            run(adapter.send(put(permit, version)))
        except StaleError as error:
            refused.append(version)
            version = error.version + 1

    assert refused == [4, 5, 6]


def test_removing_what_is_not_there_is_success(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    run(adapter.send(remove(uuid4(), 1)))
    run(adapter.send(remove(permit.reference, 2)))
    run(adapter.send(remove(permit.reference, 2)))
    run(adapter.send(remove(permit.reference, 3)))

    assert ways(sandbox)[1:] == [("DELETE", 404), ("DELETE", 200), ("DELETE", 404), ("DELETE", 404)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"plate": "qj817xk"}, FailureCode.PLATE_REFUSED),
        ({"plate": "QJ-817-XK"}, FailureCode.PLATE_REFUSED),
        ({"country": "fr"}, FailureCode.COUNTRY_REFUSED),
        ({"zones": ("75014 A",)}, FailureCode.ZONE_UNKNOWN),
        ({"zones": ("75014_A", "75014_A")}, FailureCode.ZONE_UNKNOWN),
        ({"zones": tuple(f"7500{number}" for number in range(9))}, FailureCode.ZONE_UNKNOWN),
        ({"profile": "Resident"}, FailureCode.PROFILE_UNKNOWN),
        ({"validity": Validity(date(2024, 9, 17), date(2024, 9, 15))}, FailureCode.VALIDITY_REFUSED),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.value,
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_refusal_is_named_by_its_message(
    adapter: IndigoNeo,
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


@pytest.mark.parametrize("field", ["plate", "country", "zones", "profile", "validity"])
def test_a_permit_without_a_field_is_not_sent(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, field: str
) -> None:
    with pytest.raises(RejectedError) as caught:
        run(adapter.send(put(replace(permit, **{field: None}))))

    assert caught.value.code == FailureCode.FIELD_MISSING
    assert ways(sandbox) == []


def test_a_wrong_token_is_ours_to_mend(sandbox: Sandbox, run: Run, permit: SharedPermit) -> None:
    stranger = reach(f"{sandbox.url}/{NAME}", "a-token-of-somebody-else")
    with pytest.raises(NotSentError) as caught:
        run(stranger.send(put(permit)))
    run(stranger.aclose())

    assert (caught.value.code, caught.value.status) == (FailureCode.UNAUTHORISED, 401)
