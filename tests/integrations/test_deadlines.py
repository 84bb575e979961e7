"""No exchange lasts longer than its caller allows, however the provider draws it out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from integrations import registry
from integrations.base import Acknowledging, Batching, Listing, Operation
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.engine import Hub
from tests.integrations.subjects import PARIS, Remote, Subject, another, changed, expected, in_sandbox

DEADLINE_SECONDS = 0.25
MARGIN_SECONDS = 1.0  # a busy machine's
FOR_EVER_MS = 60_000.0

EACH = [(provider, Kind.HANG) for provider in registry.ADAPTERS]
ANY = "easypark"  # an answer that trickles is read in the code that all share


@pytest.mark.parametrize(("provider", "kind"), [*EACH, (ANY, Kind.TRICKLE)])
@pytest.mark.parametrize("removes", [False, True])
def test_a_change_costs_no_more_than_its_deadline(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, kind: Kind, removes: bool
) -> None:
    run(hub.put(permit))
    wanted = None if removes else changed(permit)

    assert_cut_off(subject, run, kind, lambda: subject.adapter.send(hub.change(permit.reference, wanted)))

    assert run(hub.converge(permit.reference, wanted)) == []
    assert subject.held() == ({} if wanted is None else {permit.reference: expected(subject, wanted)})


@pytest.mark.parametrize(("provider", "kind"), [*EACH, ("paybyphone", Kind.TRICKLE)])  # a token's answer, too
def test_a_first_request_costs_no_more_than_its_deadline(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, kind: Kind
) -> None:
    assert_cut_off(subject, run, kind, lambda: subject.adapter.send(hub.change(permit.reference, permit)))

    other = registry.adapter(subject.name, registry.access(subject.name), zone=PARIS, connections=1)
    hub.adapter = other  # this one may still wait for a token
    run(hub.converge(permit.reference, permit))
    run(other.aclose())
    assert subject.held() == {permit.reference: expected(subject, permit)}


@pytest.mark.parametrize("provider", in_sandbox(lambda its: its.batch > 1))
def test_a_batch_costs_no_more_than_its_deadline(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    permits = [another(permit, number) for number in range(3)]
    run(hub.put(permit))
    adapter = cast(Batching, subject.adapter)

    assert_cut_off(
        subject, run, Kind.HANG, lambda: adapter.send_all([hub.change(one.reference, one) for one in permits])
    )

    for one in permits:
        run(hub.converge(one.reference, one))
    assert subject.held() == {one.reference: expected(subject, one) for one in [permit, *permits]}


@pytest.mark.parametrize("provider", in_sandbox(lambda its: its.lists))
def test_a_page_costs_no_more_than_its_deadline(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))

    assert_cut_off(subject, run, Kind.HANG, lambda: cast(Listing, subject.adapter).page(None))

    assert run(hub.list_all()) == ([expected(subject, permit)], 0)


@pytest.mark.parametrize("provider", in_sandbox(lambda its: its.acknowledges_later))
def test_a_question_costs_no_more_than_its_deadline(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    operation = cast(Operation, run(subject.adapter.send(hub.change(permit.reference, permit))))

    assert_cut_off(subject, run, Kind.HANG, lambda: cast(Acknowledging, subject.adapter).ask(operation))

    run(hub.wait_for(operation))
    assert subject.held() == {permit.reference: expected(subject, permit)}


def test_what_hangs_costs_others_nothing(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))
    others = [another(permit, number) for number in range(8)]

    async def send() -> None:
        subject.misbehave(Kind.HANG)
        hanging = asyncio.create_task(hub.put(changed(permit)))
        await asyncio.sleep(0.05)  # it is the first to arrive
        async with asyncio.timeout(5):
            await asyncio.gather(*(hub.put(one) for one in others))
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait({hanging})

    run(send())
    assert subject.held().keys() == {permit.reference, *(one.reference for one in others)}


def assert_cut_off(subject: Remote, run: Run, kind: Kind, call: Callable[[], Awaitable[object]]) -> None:
    """Call while the provider draws its answer out, and make sure that the deadline cuts it off."""
    subject.control.misbehave(subject.name, kind, count=1, delay_ms=FOR_EVER_MS)

    async def measured() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(begun + DEADLINE_SECONDS):
                await call()
        return loop.time() - begun

    assert run(measured()) < DEADLINE_SECONDS + MARGIN_SECONDS
    subject.behave()
