"""What every provider must do that tells late requests by their version, or carries requests out later."""

from typing import cast

import pytest

from integrations.base import Acknowledging, Change
from integrations.errors import FailureCode, LostError, ProviderError, StaleError
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.engine import Hub
from tests.integrations.subjects import FAILING, FAULTS, Remote, Subject, changed, expected, who, whose_sandbox
from tests.support.waiting import eventually

FENCING = who(lambda its: its.fences)
ACKNOWLEDGING = who(lambda its: its.acknowledges_later)


@pytest.mark.parametrize("provider", FENCING)
@pytest.mark.parametrize("removes", [False, True])
def test_an_older_version_is_refused_and_the_later_one_named(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, removes: bool
) -> None:
    run(hub.carry_out(Change(permit.reference, 5, changed(permit))))

    with pytest.raises(StaleError) as caught:
        run(hub.carry_out(Change(permit.reference, 3, None if removes else permit)))

    assert (caught.value.version, caught.value.code) == (5, FailureCode.STALE_VERSION)
    assert subject.held() == {permit.reference: expected(subject, changed(permit))}
    hub.versions[permit.reference] = caught.value.version
    run(hub.put(permit))
    assert subject.held() == {permit.reference: expected(subject, permit)}


@pytest.mark.parametrize("provider", FENCING)
def test_an_older_version_brings_nothing_back(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.carry_out(Change(permit.reference, 5, permit)))
    run(hub.carry_out(Change(permit.reference, 6, None)))

    with pytest.raises(StaleError):
        run(hub.carry_out(Change(permit.reference, 4, permit)))

    assert subject.held() == {}


@pytest.mark.parametrize("provider", FENCING)
def test_a_request_that_is_applied_late_brings_nothing_back(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    run(hub.put(permit))  # of what they never had a removal leaves no trace, so there nothing would fence
    subject.misbehave(Kind.LATE)
    with pytest.raises(ProviderError):
        run(hub.put(changed(permit)))
    run(hub.converge(permit.reference, None))

    subject.pass_time()

    assert subject.held() == {}


@pytest.mark.parametrize("provider", FENCING)
def test_whoever_lost_count_catches_up(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.carry_out(Change(permit.reference, 7, permit)))

    errors = run(hub.converge(permit.reference, changed(permit)))

    assert [type(error) for error in errors] == [StaleError]
    assert subject.held() == {permit.reference: expected(subject, changed(permit))}


@pytest.mark.parametrize("provider", ACKNOWLEDGING)
def test_a_change_is_an_operation_until_it_is_done(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    for wanted in (permit, changed(permit), None):
        operation = run(subject.adapter.send(hub.change(permit.reference, wanted)))

        assert operation
        run(hub.wait_for(operation))
        assert run(cast(Acknowledging, subject.adapter).ask(operation))
        assert subject.held() == ({} if wanted is None else {permit.reference: expected(subject, wanted)})


@pytest.mark.parametrize("provider", whose_sandbox(lambda its: Kind.LATE_OPERATION in its.kinds))
def test_an_operation_that_takes_its_time_is_not_done_before(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    subject.misbehave(Kind.LATE_OPERATION, delay_ms=200)
    operation = run(subject.adapter.send(hub.change(permit.reference, permit)))

    assert not run(cast(Acknowledging, subject.adapter).ask(operation))
    assert subject.held() == {}
    run(hub.wait_for(operation))
    assert subject.held() == {permit.reference: expected(subject, permit)}


@pytest.mark.parametrize("provider", whose_sandbox(lambda its: Kind.LOST_OPERATION in its.kinds))
def test_a_lost_operation_is_said_to_be_lost_and_converges(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    for wanted in (permit, changed(permit), None):
        subject.misbehave(Kind.LOST_OPERATION)
        operation = run(subject.adapter.send(hub.change(permit.reference, wanted)))

        with pytest.raises(LostError) as caught:
            run(cast(Acknowledging, subject.adapter).ask(operation))

        assert caught.value.code == FailureCode.OPERATION_LOST
        held = {} if wanted is None else {permit.reference: expected(subject, wanted)}
        eventually(subject.held, "the sandbox to hold it", equals=held)
        run(hub.converge(permit.reference, wanted))
        assert subject.held() == held


@pytest.mark.parametrize("provider", ACKNOWLEDGING)
@pytest.mark.parametrize("kind", FAILING)
def test_a_question_that_goes_wrong_can_be_asked_again(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind
) -> None:
    operation = run(subject.adapter.send(hub.change(permit.reference, permit)))
    subject.misbehave(kind)

    with pytest.raises(ProviderError) as caught:
        run(cast(Acknowledging, subject.adapter).ask(operation))

    fault = FAULTS[kind].error
    assert (type(caught.value), caught.value.code) == (type(fault), fault and fault.code)
    run(hub.wait_for(operation))
    assert subject.held() == {permit.reference: expected(subject, permit)}
