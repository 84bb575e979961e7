"""The city's hub: the one active series."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from integrations.errors import FailureCode, NotSentError
from integrations.sandbox.misbehaviour import Kind
from tests.conftest import Sandbox
from tests.integrations.city_hub import NAME, Hub, kinds, permit, put, record
from tests.integrations.conftest import Run


@pytest.fixture
def hub(sandbox: Sandbox) -> Iterator[Hub]:
    with Hub(sandbox) as found:
        yield found


async def send_one(hub: Hub, version: int) -> None:
    async with hub.worker() as adapter:
        assert kinds(await adapter.send_all([put(permit(), version), put(permit(), version)])) == {None}


@pytest.mark.parametrize("version", [1, 2])
def test_a_series_is_made_if_there_is_none(hub: Hub, run: Run, version: int) -> None:
    run(send_one(hub, version))

    assert list(hub.series().values()) == [True]
    assert len(hub.held()) == 2


@pytest.mark.parametrize("delay_ms", [None, 5, 40])
@pytest.mark.parametrize("workers", [2, 12])
def test_workers_starting_at_once_make_one_active_series(
    hub: Hub, run: Run, workers: int, delay_ms: float | None
) -> None:
    new = [[permit() for _ in range(4)] for _ in range(workers)]
    if delay_ms is not None:
        hub.control.misbehave(NAME, Kind.SLOW, rate=0.4, delay_ms=delay_ms)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            adapters = [await stack.enter_async_context(hub.worker()) for _ in range(workers)]
            changes = [[put(each, 1 + number % 2) for number, each in enumerate(own)] for own in new]
            ended = await asyncio.gather(
                *(adapter.send_all(own) for adapter, own in zip(adapters, changes, strict=True))
            )
            assert [kinds(own) for own in ended] == [{None}] * workers

    run(scenario())
    assert list(hub.series().values()) == [True]  # and there is no other
    assert hub.held() == {each.reference: record(each) for own in new for each in own}


def test_an_empty_series_of_a_dead_worker_is_used(hub: Hub, run: Run) -> None:
    left = hub.make_series(active=False)

    run(send_one(hub, 1))

    assert hub.series() == {left: True}


def test_a_retired_series_with_permits_is_not_activated(hub: Hub, run: Run) -> None:
    retired, other = hub.make_series(hub.document("removed-since")), hub.make_series(active=False)
    hub.activate(other, deactivate_others=True)
    hub.ask("DELETE", f"/permitseries/{other}/").raise_for_status()

    run(send_one(hub, 2))

    assert hub.series()[retired] is False
    assert len(hub.held()) == 2


def test_a_deactivated_series_is_not_used(hub: Hub, run: Run) -> None:
    async def scenario() -> None:
        async with hub.worker() as adapter:
            assert kinds(await adapter.send_all([put(permit(), 1)])) == {None}
            (known,) = hub.series()
            other = hub.make_series(active=False)
            hub.activate(other, deactivate_others=True)
            hub.ask("DELETE", f"/permitseries/{other}/").raise_for_status()

            await adapter.send(put(permit(), 2))
            assert hub.series()[known] is False
            assert len(hub.held()) == 1

    run(scenario())


def test_with_several_active_series_a_permit_is_replaced_in_place(hub: Hub, run: Run) -> None:
    wanted = permit()
    hub.make_series(hub.document(str(wanted.reference)))
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send(put(wanted, 2))

    run(scenario())
    assert hub.held() == {wanted.reference: record(wanted)}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.DOWN, FailureCode.UNAVAILABLE),
        (Kind.ERROR_BEFORE, FailureCode.SERVER_ERROR),
        (Kind.ERROR_AFTER, FailureCode.SERVER_ERROR),
        (Kind.RESET_AFTER, FailureCode.CONNECTION_LOST),
        (Kind.HTML, FailureCode.ANSWER_UNREADABLE),
    ],
)
def test_a_failure_of_the_series_means_not_sent(hub: Hub, run: Run, kind: Kind, code: FailureCode) -> None:
    hub.control.misbehave(NAME, kind, count=1, method="POST", path="/permitseries/")

    async def scenario() -> None:
        async with hub.worker() as adapter:
            assert kinds(await adapter.send_all([put(permit(), 1)])) == {(NotSentError, code)}
            assert hub.held() == {}
            assert kinds(await adapter.send_all([put(permit(), 2)])) == {None}

    run(scenario())
    assert list(hub.series().values()).count(True) == 1
