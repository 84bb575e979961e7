"""Every misbehaviour of a provider has the right error, shows no secret, and converges."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest

from integrations import registry
from integrations.errors import FailureCode, ProviderError, RejectedError, UnclearError
from integrations.memory import Applied
from integrations.sandbox.misbehaviour import THEIR_OWN, Kind
from schemas.shared import Copy, SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.engine import Hub
from tests.integrations.secrecy import says_nothing
from tests.integrations.subjects import FAILING, FAULTS, Remote, Subject, another, changed, expected
from tests.support.waiting import eventually

STORM = (Kind.ERROR_AFTER, Kind.RESET_AFTER, Kind.THROTTLED, Kind.TRUNCATED, Kind.RESET_BEFORE, Kind.DOWN)

Log = pytest.LogCaptureFixture
Held = dict[UUID, Copy]

LOOKED_UP_FIRST = {"city_hub"}
"""Providers whose removal begins with a GET, which changes nothing."""


def test_the_tests_cover_every_misbehaviour() -> None:
    elsewhere = {Kind.SLOW, Kind.BUSY, Kind.TRICKLE, Kind.EXPIRED_CERTIFICATE, *THEIR_OWN}
    assert {*FAULTS, *elsewhere} == set(Kind)


def test_a_request_that_may_have_been_applied_is_unclear() -> None:
    unclear = {kind for kind, fault in FAULTS.items() if isinstance(fault.error, UnclearError)}
    assert unclear >= {kind for kind, fault in FAULTS.items() if fault.applied is not Applied.NEVER}


@pytest.mark.parametrize("kind", FAILING)
def test_a_failing_change_has_the_right_error_and_converges(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind, caplog: Log
) -> None:
    run(hub.put(permit))
    before, wanted = expected(subject, permit), expected(subject, changed(permit))

    error = _failure(subject, kind, caplog, lambda: run(hub.put(changed(permit))))

    _is(kind, error)
    says_nothing([str(permit.plate), "WW123AA", *subject.secrets], error, caplog.text)
    _applied(subject, kind, {permit.reference: before}, {permit.reference: wanted})
    assert run(hub.converge(permit.reference, changed(permit))) == []
    assert subject.held() == {permit.reference: wanted}


@pytest.mark.parametrize("kind", FAILING)
def test_a_failing_removal_has_the_right_error_and_converges(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind, caplog: Log
) -> None:
    run(hub.put(permit))

    method = "DELETE" if subject.name in LOOKED_UP_FIRST else None
    error = _failure(subject, kind, caplog, lambda: run(hub.remove(permit.reference)), method)

    _is(kind, error)
    says_nothing([str(permit.plate), *subject.secrets], error, caplog.text)
    _applied(subject, kind, {permit.reference: expected(subject, permit)}, {})
    assert run(hub.converge(permit.reference, None)) == []
    assert subject.held() == {}


@pytest.mark.parametrize("kind", FAILING)
@pytest.mark.parametrize("stays", [True, False])
def test_a_failing_first_put_has_the_right_error_and_converges(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind, caplog: Log, stays: bool
) -> None:
    wanted = permit if stays else None
    subject.misbehave(kind)

    with caplog.at_level(logging.DEBUG), suppress(ProviderError):  # a token fetch may retry with success
        run(hub.put(permit))
    subject.pass_time()
    errors = run(hub.converge(permit.reference, wanted))

    assert not any(isinstance(error, RejectedError) for error in errors)
    says_nothing([str(permit.plate), *subject.secrets], None, caplog.text)
    assert subject.held() == ({permit.reference: expected(subject, permit)} if stays else {})


@pytest.mark.parametrize("provider", registry.ADAPTERS)
def test_all_misbehaviours_at_once_still_converge(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    permits = [another(permit, number) for number in range(24)]
    for kind in STORM:
        subject.control.misbehave(subject.name, kind, rate=0.07)

    async def live(one: SharedPermit, *, stays: bool) -> int:
        errors = await hub.converge(one.reference, one)
        errors += await hub.converge(one.reference, changed(one))
        return len(errors + await hub.converge(one.reference, one if stays else None))

    async def all_of_them() -> int:
        lives = (live(one, stays=number % 2 == 0) for number, one in enumerate(permits))
        return sum(await asyncio.gather(*lives))

    assert run(all_of_them()) > len(STORM)
    assert subject.held() == {one.reference: expected(subject, one) for one in permits[::2]}


@pytest.mark.parametrize("provider", registry.ADAPTERS)
@pytest.mark.parametrize(
    ("kind", "code"), [(Kind.DOWN, FailureCode.UNAVAILABLE), (Kind.THROTTLED, FailureCode.THROTTLED)]
)
def test_when_to_come_back_is_told(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, kind: Kind, code: FailureCode
) -> None:
    run(hub.put(permit))
    subject.control.misbehave(subject.name, kind, count=1, retry_after="7")

    with pytest.raises(ProviderError) as caught:
        run(hub.put(changed(permit)))

    assert (caught.value.code, caught.value.retry_after) == (code, 7)


@pytest.mark.parametrize("kind", [Kind.SLOW, Kind.TRICKLE])
def test_a_slow_answer_is_awaited(subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind) -> None:
    run(hub.put(permit))
    for wanted in (changed(permit), None):
        subject.misbehave(kind)
        assert run(hub.converge(permit.reference, wanted)) == []
        assert subject.held() == ({} if wanted is None else {permit.reference: expected(subject, wanted)})


def test_no_repr_shows_personal_data(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    change = hub.change(permit.reference, permit)
    run(hub.carry_out(change))

    adapter = subject.adapter
    says_nothing(subject.secrets, None, repr(adapter), str(adapter), *map(repr, vars(adapter).values()))
    says_nothing([str(permit.plate), str(permit.profile)], None, repr(change), *map(repr, subject.held().values()))


def _failure(
    subject: Subject, kind: Kind, caplog: Log, send: Callable[[], None], method: str | None = None
) -> ProviderError:
    """Send while the provider misbehaves, and check that it is sent once."""
    before = len(subject.sent())
    subject.misbehave(kind, method=method)
    caplog.clear()
    with caplog.at_level(logging.DEBUG), pytest.raises(ProviderError) as caught:
        send()
    assert len(subject.sent()) == before + (1 if method is None else 2), "only the engine may send again"
    return caught.value


def _is(kind: Kind, found: ProviderError) -> None:
    """Compare an error with the one expected for this misbehaviour."""
    fault = FAULTS[kind].error
    assert fault is not None
    assert (type(found), found.code) == (type(fault), fault.code)


def _applied(subject: Subject, kind: Kind, before: Held, after: Held) -> None:
    """Check that the request was applied, if this misbehaviour applies requests."""
    match FAULTS[kind].applied:
        case Applied.NEVER:
            assert subject.held() == before
        case Applied.BEFORE:
            eventually(lambda: subject.held(), equals=after)  # some carry it out a moment later
        case Applied.LATER:
            assert subject.held() in (before, after)  # on a busy machine it is late already
            subject.pass_time()
            eventually(lambda: subject.held(), equals=after)
