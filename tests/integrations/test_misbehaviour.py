"""Whatever a provider does wrong ends in the right error, says nothing it should not, and heals."""

import asyncio
import logging
import traceback

import pytest

from integrations.errors import ProviderError, UnclearError
from integrations.memory import Applied
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.subjects import FAULTS, Subject, declared

FAILING = [kind for kind, fault in FAULTS.items() if fault.error is not None]
DEADLINE_SECONDS = 0.3


def test_every_misbehaviour_is_tried() -> None:
    assert {*FAULTS, Kind.SLOW} == set(Kind)


@pytest.mark.parametrize("kind", FAILING)
def test_a_put_that_goes_wrong(
    subject: Subject, permit: SharedPermit, run: Run, kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    subject.misbehave(kind)

    caplog.clear()

    with caplog.at_level(logging.DEBUG), pytest.raises(ProviderError) as caught:
        run(subject.adapter.put(permit))
    log = caplog.text

    held = {permit.reference: declared(subject.adapter, permit)}
    assert_is(kind, caught.value)
    assert len(subject.sent()) == 1, "nobody but the hub decides to send again"
    assert subject.held() == (held if FAULTS[kind].applied is Applied.BEFORE else {})
    assert_says_nothing(caught.value, [str(permit.plate), *subject.secrets], log)
    if FAULTS[kind].applied is Applied.LATER:
        subject.apply_late()
        assert subject.held() == held

    run(subject.adapter.put(permit))

    assert subject.held() == held


@pytest.mark.parametrize("kind", FAILING)
def test_a_removal_that_goes_wrong(subject: Subject, permit: SharedPermit, run: Run, kind: Kind) -> None:
    run(subject.adapter.put(permit))
    subject.misbehave(kind)

    with pytest.raises(ProviderError) as caught:
        run(subject.adapter.remove(permit.reference))

    assert_is(kind, caught.value)
    assert (subject.held() == {}) == (FAULTS[kind].applied is Applied.BEFORE)

    run(subject.adapter.remove(permit.reference))

    assert subject.held() == {}


def test_a_slow_answer_is_waited_for(subject: Subject, permit: SharedPermit, run: Run) -> None:
    subject.misbehave(Kind.SLOW)

    run(subject.adapter.put(permit))

    assert subject.held().keys() == {permit.reference}


def test_a_provider_that_hangs_costs_no_more_than_the_deadline(
    subject: Subject, permit: SharedPermit, run: Run
) -> None:
    subject.misbehave(Kind.HANG)

    async def put() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(begun + DEADLINE_SECONDS):
                await subject.adapter.put(permit)
        return loop.time() - begun

    assert run(put()) < DEADLINE_SECONDS + 2
    assert subject.held() == {}

    run(subject.adapter.put(permit))

    assert subject.held().keys() == {permit.reference}


def test_an_adapter_shows_no_key(subject: Subject) -> None:
    assert not any(secret in repr(subject.adapter) for secret in subject.secrets)


def assert_is(kind: Kind, found: ProviderError) -> None:
    """Compare an error with what this misbehaviour must look like."""
    expected = FAULTS[kind].error
    assert expected is not None
    assert type(found) is type(expected)
    assert found.code == expected.code


def assert_says_nothing(error: ProviderError, secrets: list[str], log: str) -> None:
    """Look for secrets in everything that an error could show, and in the log."""
    shown = [*traceback.format_exception(error), repr(error), str(vars(error)), log]
    assert not any(secret in text for secret in secrets for text in shown)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_the_unclear_is_what_may_have_been_applied() -> None:
    unclear = {kind for kind, fault in FAULTS.items() if isinstance(fault.error, UnclearError)}
    assert unclear >= {kind for kind, fault in FAULTS.items() if fault.applied is not Applied.NEVER}
