"""What every provider must do that takes several changes in one request."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from integrations.base import Change
from integrations.errors import FailureCode, NotSentError, RejectedError, UnclearError
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedField, SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.engine import Hub
from tests.integrations.subjects import (
    FAILING,
    FAULTS,
    TWINS,
    Remote,
    Subject,
    another,
    changed,
    expected,
    in_sandbox,
    who,
    whose_sandbox,
    without,
)

BATCHING = who(lambda its: its.batch > 1)

batching = pytest.mark.parametrize("provider", BATCHING)


def many(permit: SharedPermit, count: int) -> list[SharedPermit]:
    return [another(permit, number) for number in range(count)]


def puts(hub: Hub, permits: Sequence[SharedPermit]) -> list[Change]:
    return [hub.change(permit.reference, permit) for permit in permits]


@batching
@pytest.mark.parametrize("beyond", ["one", "the limit", "the limit and one"])
def test_any_number_is_carried_out(subject: Subject, hub: Hub, permit: SharedPermit, run: Run, beyond: str) -> None:
    limit = subject.adapter.capabilities.batch
    subject.in_contract = beyond != "the limit and one"  # the engine never sends so many
    permits = many(permit, {"one": 1, "the limit": limit, "the limit and one": limit + 1}[beyond])

    ended = run(hub.send_all(puts(hub, permits)))

    assert ended == [None] * len(permits)
    assert subject.held() == {one.reference: expected(subject, one) for one in permits}


@pytest.mark.parametrize("provider", in_sandbox(lambda its: its.batch > 1))
def test_first_puts_up_to_the_limit_share_one_request(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    permits = many(permit, subject.adapter.capabilities.batch)

    run(hub.send_all(puts(hub, permits)))

    (request,) = (request for request in subject.control.requests(subject.name) if request.references)
    assert request.references == [str(one.reference) for one in permits]


@batching
def test_a_batch_puts_changes_and_removes(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    kept, gone, new = many(permit, 3)
    run(hub.send_all(puts(hub, [kept, gone])))

    ended = run(
        hub.send_all(
            [
                hub.change(gone.reference, None),
                hub.change(new.reference, new),
                hub.change(uuid4(), None),
                hub.change(kept.reference, changed(kept)),
            ]
        )
    )

    assert ended == [None] * 4
    assert subject.held() == {
        kept.reference: expected(subject, changed(kept)),
        new.reference: expected(subject, new),
    }


@batching
def test_the_same_batch_twice_has_one_effect(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    permits = many(permit, 3)
    changes = puts(hub, permits)

    for _ in range(2):
        assert run(hub.send_all(changes)) == [None] * 3
        assert subject.held() == {one.reference: expected(subject, one) for one in permits}


@batching
@pytest.mark.parametrize("first", [True, False])
def test_a_row_at_fault_fails_alone(subject: Subject, hub: Hub, permit: SharedPermit, run: Run, first: bool) -> None:
    subject.in_contract = False
    permits = many(permit, 5)
    if not first:
        run(hub.send_all(puts(hub, permits)))
    wanted = [changed(one) if place != 2 else replace(one, plate="Q" * 300) for place, one in enumerate(permits)]
    if subject.name in TWINS:  # it takes whatever is complete
        wanted[2] = without(permits[2], SharedField.PLATE)

    ended = run(hub.send_all(puts(hub, wanted)))

    assert [type(error) for error in ended] == [type(None)] * 2 + [RejectedError] + [type(None)] * 2
    there = {one.reference: expected(subject, one) for place, one in enumerate(wanted) if place != 2}
    before = {} if first else {permits[2].reference: expected(subject, permits[2])}
    assert subject.held() == there | before


@batching
def test_a_row_without_a_declared_field_is_not_sent(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    permits = many(permit, 3)
    permits[1] = without(permits[1], SharedField.ZONES)

    ended = run(hub.send_all(puts(hub, permits)))

    assert [error and error.code for error in ended] == [None, FailureCode.FIELD_MISSING, None]
    assert subject.sent(permits[1].reference) == []
    assert subject.held().keys() == {permits[0].reference, permits[2].reference}


@batching
@pytest.mark.parametrize("kind", FAILING)
@pytest.mark.parametrize("first", [True, False])
def test_a_batch_that_goes_wrong_says_so_of_each_row_and_converges(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind, first: bool
) -> None:
    permits = many(permit, 4)
    run(hub.put(permit))
    if not first:
        run(hub.send_all(puts(hub, permits)))
    subject.misbehave(kind)
    wanted = [changed(one) for one in permits]

    ended = run(_ended(hub, puts(hub, wanted)))

    fault = FAULTS[kind].error
    assert fault is not None
    wrong = [error for error in ended if error is not None]
    assert wrong
    assert {(type(error), error.code) for error in wrong} <= {
        (type(fault), fault.code),
        (NotSentError, fault.code),  # what would have followed in a request of its own
    }
    subject.pass_time()
    for one in wanted:
        run(hub.converge(one.reference, one))
    assert subject.held() == {one.reference: expected(subject, one) for one in [permit, *wanted]}


@pytest.mark.parametrize("provider", whose_sandbox(lambda its: Kind.PARTIAL_BATCH in its.kinds))
def test_a_batch_that_is_half_applied_is_unclear_and_converges(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    permits = many(permit, 4)
    subject.misbehave(Kind.PARTIAL_BATCH)

    ended = run(_ended(hub, puts(hub, permits)))

    assert [(type(error), error and error.code) for error in ended] == [(UnclearError, FailureCode.SERVER_ERROR)] * 4
    assert subject.held().keys() == {one.reference for one in permits[:2]}
    assert run(hub.send_all(puts(hub, permits))) == [None] * 4
    assert subject.held() == {one.reference: expected(subject, one) for one in permits}


@pytest.mark.parametrize("provider", whose_sandbox(lambda its: Kind.ROW_MISSING in its.kinds))
def test_a_row_that_the_answer_does_not_speak_of_is_unclear(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    permits = many(permit, 4)
    subject.misbehave(Kind.ROW_MISSING)

    ended = run(_ended(hub, puts(hub, permits)))

    assert ended[:3] == [None] * 3
    assert (type(ended[3]), ended[3].code) == (UnclearError, FailureCode.ROW_MISSING)
    assert run(hub.send_all(puts(hub, permits[3:]))) == [None]
    assert subject.held() == {one.reference: expected(subject, one) for one in permits}


async def _ended(hub: Hub, changes: Sequence[Change]) -> list[object]:
    """Return how each change ended, also when all ended in the same way."""
    try:
        return list(await hub.send_all(changes))
    except (NotSentError, UnclearError) as error:
        return [error] * len(changes)
