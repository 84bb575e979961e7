"""PayByPhone: writes that are accepted now and carried out later, and refusals now or later."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.base import Operation
from integrations.errors import FailureCode, LostError, NotSentError, RejectedError
from integrations.paybyphone.adapter import PayByPhone
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.paybyphone_eligibilities import (
    NAME,
    Run,
    carry_out,
    finish,
    put,
    record,
    remove,
    sandboxed,
)

LATE_MS = 150.0
FAR_TOO_LATE_MS = 3_600_000.0
QUESTIONS = "/workflows/"
TOKEN = "/identity/token"


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[PayByPhone]:
    with sandboxed(sandbox, run) as found:
        yield found


def writes(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    requests = sandbox.control.requests(NAME)
    return [(request.method, request.status) for request in requests if request.path.startswith("/eligibilities/")]


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


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(permit=permits())
def test_any_permit_is_held_unchanged(adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit) -> None:
    sandbox.control.reset(NAME)
    run(carry_out(adapter, put(permit)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_put_is_held_only_after_its_workflow_ended(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=FAR_TOO_LATE_MS)
    operation = run(adapter.send(put(permit)))

    assert [run(adapter.ask(operation)) for _ in range(2)] == [False, False]
    assert sandbox.control.held(NAME) == {}


def test_an_ended_workflow_stays_ended(adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit) -> None:
    operation = run(adapter.send(put(permit)))
    run(finish(adapter, operation))

    assert run(adapter.ask(operation))


def test_a_put_replaces_an_eligibility_in_one_request(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA", zones=("75014_B", "75001"))
    run(carry_out(adapter, put(permit)))
    run(carry_out(adapter, put(changed, 2)))

    assert writes(sandbox) == [("PUT", 202), ("PUT", 202)]
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


def test_writes_about_one_permit_keep_their_order(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA")
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=LATE_MS)
    first = run(adapter.send(put(permit)))
    run(carry_out(adapter, put(changed, 2)))

    assert run(adapter.ask(first))
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


def test_a_waiting_write_delays_no_other_permit(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=FAR_TOO_LATE_MS)
    operations = [run(adapter.send(put(permit, version))) for version in (1, 2)]
    other = replace(permit, reference=uuid4())
    run(carry_out(adapter, put(other)))

    assert [run(adapter.ask(operation)) for operation in operations] == [False, False]
    assert sandbox.control.held(NAME) == {other.reference: record(other)}


def test_a_removal_is_not_done_before_a_running_put(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=LATE_MS)
    first = run(adapter.send(put(permit)))
    run(carry_out(adapter, remove(permit.reference)))

    assert run(adapter.ask(first))
    assert sandbox.control.held(NAME) == {}


def test_removing_an_unknown_permit_succeeds_at_once(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(carry_out(adapter, put(permit)))
    done = run(adapter.send(remove(uuid4())))
    run(carry_out(adapter, remove(permit.reference)))
    done_before = run(adapter.send(remove(permit.reference, 3)))

    assert (done, done_before) == (None, None)
    assert writes(sandbox) == [("PUT", 202), ("DELETE", 404), ("DELETE", 202), ("DELETE", 404)]
    assert sandbox.control.held(NAME) == {}


def test_two_removals_at_once_are_both_carried_out(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(carry_out(adapter, put(permit)))
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=LATE_MS)
    first = run(adapter.send(remove(permit.reference)))
    run(carry_out(adapter, remove(permit.reference, 3)))

    assert run(adapter.ask(first))
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
        ({"validity": Validity(date(2024, 9, 17), date(2024, 9, 16))}, FailureCode.VALIDITY_REFUSED),
        ({"validity": Validity(date(2024, 9, 17), date(2201, 1, 1))}, FailureCode.VALIDITY_REFUSED),
        ({"zones": tuple(f"7500{number}" for number in range(9))}, FailureCode.REQUEST_REFUSED),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.value,
)
def test_most_refusals_come_at_once(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit, change: dict[str, Any], code: FailureCode
) -> None:
    with pytest.raises(RejectedError) as caught:
        run(adapter.send(put(replace(permit, **change))))

    assert (caught.value.code, caught.value.status) == (code, 400)
    assert sandbox.control.held(NAME) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"zones": ("75014_A", "99999")}, FailureCode.ZONE_UNKNOWN),
        ({"profile": "unknown"}, FailureCode.PROFILE_UNKNOWN),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.value,
)
def test_a_late_refusal_has_the_same_code_and_changes_nothing(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit, change: dict[str, Any], code: FailureCode
) -> None:
    run(carry_out(adapter, put(permit)))
    operation = run(adapter.send(put(replace(permit, **change), 2)))
    with pytest.raises(RejectedError) as caught:
        run(finish(adapter, operation))

    assert (caught.value.code, caught.value.status) == (code, 200)
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


@pytest.mark.parametrize("zones", [(), None])
def test_a_permit_without_zones_is_not_sent(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit, zones: tuple[str, ...] | None
) -> None:
    with pytest.raises(RejectedError) as caught:
        run(adapter.send(put(replace(permit, zones=zones))))

    assert caught.value.code == FailureCode.FIELD_MISSING
    assert writes(sandbox) == []


def test_a_forgotten_workflow_is_lost_even_if_carried_out(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.LOST_OPERATION, count=1)
    lost = run(adapter.send(put(permit)))
    with pytest.raises(LostError) as caught:
        run(adapter.ask(lost))
    run(carry_out(adapter, put(permit, 2)))

    assert (caught.value.code, caught.value.status) == (FailureCode.OPERATION_LOST, 404)
    assert sandbox.control.counts(NAME).applied == 2
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_an_unknown_workflow_is_lost(adapter: PayByPhone, run: Run) -> None:
    with pytest.raises(LostError):
        run(adapter.ask(Operation(str(uuid4()))))


def test_removals_and_questions_have_only_ids(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(carry_out(adapter, put(permit)))
    run(carry_out(adapter, remove(permit.reference)))
    bare = [request for request in sandbox.control.requests(NAME) if request.method in {"DELETE", "GET"}]

    assert {(request.method, request.body, "?" in request.path) for request in bare} == {
        ("DELETE", "", False),
        ("GET", "", False),
    }
    assert not any(str(permit.plate) in f"{request.path} {request.headers}" for request in bare)


def test_one_token_serves_many_requests_and_each_has_the_api_version(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    for version in (1, 2, 3):
        run(carry_out(adapter, put(permit, version)))
    token, *others = sandbox.control.requests(NAME)

    assert (token.method, token.path, token.body) == ("POST", TOKEN, "grant_type=client_credentials")
    assert {request.path for request in others}.isdisjoint({TOKEN})
    shown = [{name.lower(): value for name, value in request.headers.items()} for request in others]
    assert {(each["x-pbp-version"], each["authorization"]) for each in shown} == {("2", "Bearer [a token]")}


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_an_expired_token_is_renewed_and_the_request_resent(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit, method: str
) -> None:
    run(carry_out(adapter, put(permit)))
    before = len(sandbox.control.requests(NAME))
    sandbox.control.misbehave(NAME, Kind.EXPIRED_TOKEN, count=1, method=method)
    changed = replace(permit, plate="WW123AA")
    run(carry_out(adapter, put(changed, 2)))
    requests = sandbox.control.requests(NAME)[before:]

    refused = next(place for place, request in enumerate(requests) if request.status == 401)
    assert [request.method for request in requests[refused : refused + 3]] == [method, "POST", method]
    assert sandbox.control.counts(NAME).applied == 2
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


@pytest.mark.parametrize("setting", ["client_id", "client_secret"])
def test_wrong_credentials_reject_no_permit_and_are_not_shown(
    sandbox: Sandbox, run: Run, permit: SharedPermit, setting: str
) -> None:
    wrong = "none-that-they-have-given"
    with sandboxed(sandbox, run, **{setting: wrong}) as adapter, pytest.raises(NotSentError) as caught:
        run(adapter.send(put(permit)))

    assert (caught.value.code, caught.value.status) == (FailureCode.UNAUTHORISED, 401)
    assert wrong not in repr(caught.value)
    assert writes(sandbox) == []
