"""PayByPhone: writes that are taken now and carried out later, and refusals that come at once or in the end."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from integrations.base import Operation
from integrations.errors import FailureCode, LostError, RejectedError
from integrations.paybyphone.adapter import PayByPhone
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.paybyphone_eligibilities import NAME, Run, carry_out, finish, sandboxed
from tests.integrations.rights import put, record, remove

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


def test_a_put_replaces_what_is_there_in_one_request(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA", zones=("75014_B", "75001"))
    run(carry_out(adapter, put(permit)))
    run(carry_out(adapter, put(changed, 2)))

    assert writes(sandbox) == [("PUT", 202), ("PUT", 202)]
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


def test_writes_about_one_permit_keep_their_order_whatever_each_takes(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA")
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=LATE_MS)
    first = run(adapter.send(put(permit)))
    run(carry_out(adapter, put(changed, 2)))

    assert run(adapter.ask(first))
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


def test_a_write_waits_for_the_one_before_it_and_holds_up_nobody_else(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=FAR_TOO_LATE_MS)
    operations = [run(adapter.send(put(permit, version))) for version in (1, 2)]
    other = replace(permit, reference=uuid4())
    run(carry_out(adapter, put(other)))

    assert [run(adapter.ask(operation)) for operation in operations] == [False, False]
    assert sandbox.control.held(NAME) == {other.reference: record(other)}


def test_a_removal_is_not_done_as_long_as_a_put_is_under_way(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.LATE_OPERATION, count=1, delay_ms=LATE_MS)
    first = run(adapter.send(put(permit)))
    run(carry_out(adapter, remove(permit.reference)))

    assert run(adapter.ask(first))
    assert sandbox.control.held(NAME) == {}


def test_removing_what_is_not_there_is_success_at_once(
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
        ({"zones": ("75014_A", "99999")}, FailureCode.ZONE_UNKNOWN),
        ({"profile": "unknown"}, FailureCode.PROFILE_UNKNOWN),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.value,
)
def test_a_refusal_that_comes_in_the_end_is_named_alike_and_changes_nothing(
    adapter: PayByPhone, sandbox: Sandbox, run: Run, permit: SharedPermit, change: dict[str, Any], code: FailureCode
) -> None:
    run(carry_out(adapter, put(permit)))
    operation = run(adapter.send(put(replace(permit, **change), 2)))
    with pytest.raises(RejectedError) as caught:
        run(finish(adapter, operation))

    assert (caught.value.code, caught.value.status) == (code, 200)
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_workflow_that_they_never_had_is_lost(adapter: PayByPhone, run: Run) -> None:
    with pytest.raises(LostError):
        run(adapter.ask(Operation(str(uuid4()))))


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_an_expired_token_is_renewed_and_the_request_sent_again(
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
