"""The city's hub: many permits together, the new ones in one request."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integrations.city_hub.adapter import BATCH
from integrations.errors import FailureCode, NotSentError, RejectedError, UnclearError
from integrations.sandbox.misbehaviour import Kind
from tests.conftest import Sandbox
from tests.integrations.city_hub import NAME, Hub, kinds, permit, put, record, removal
from tests.integrations.conftest import Run

NEW = [permit() for _ in range(5)]


@pytest.fixture
def hub(sandbox: Sandbox) -> Iterator[Hub]:
    with Hub(sandbox) as found:
        yield found


def test_new_permits_are_created_in_one_request(hub: Hub, run: Run) -> None:
    hub.make_series()
    new = [permit() for _ in range(BATCH)]

    async def scenario() -> None:
        async with hub.worker() as adapter:
            before = hub.last()
            assert kinds(await adapter.send_all([put(each, 1) for each in new])) == {None}
            writes = [request for request in hub.requests(before) if request[0] != "GET"]
            assert writes == [("POST", "/permit/")]

    run(scenario())
    assert hub.held() == {each.reference: record(each) for each in new}


def test_rows_at_fault_are_rejected_and_the_others_created_without_them(hub: Hub, run: Run) -> None:
    unknown, too_long, absent = permit(zones=("14:A",)), permit(plate="A" * 21), permit(plate=None)

    async def scenario() -> None:
        async with hub.worker() as adapter:
            changes = [put(each, 1) for each in (unknown, *NEW[:2], too_long, absent, *NEW[2:])]
            ended = dict(zip((change.reference for change in changes), await adapter.send_all(changes), strict=True))
            assert kinds([ended.pop(unknown.reference)]) == {(RejectedError, FailureCode.ZONE_UNKNOWN)}
            assert kinds([ended.pop(too_long.reference)]) == {(RejectedError, FailureCode.PLATE_REFUSED)}
            assert kinds([ended.pop(absent.reference)]) == {(RejectedError, FailureCode.FIELD_MISSING)}
            assert kinds([*ended.values()]) == {None}

    run(scenario())
    assert hub.held() == {each.reference: record(each) for each in NEW}


def test_rows_that_are_there_already_are_replaced(hub: Hub, run: Run) -> None:
    """Our first request is not always theirs: the hub's database may have been restored."""

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send_all([put(each, 1) for each in NEW[:2]])
            again = [replace(each, plate="WW123AA") for each in NEW]
            assert kinds(await adapter.send_all([put(each, 1) for each in again])) == {None}
            assert hub.held() == {each.reference: record(each) for each in again}

    run(scenario())


@pytest.mark.parametrize("kind", [Kind.ERROR_AFTER, Kind.RESET_AFTER, Kind.TRUNCATED, Kind.LATE])
def test_a_lost_answer_leaves_all_new_rows_unclear_until_they_are_sent_again(hub: Hub, run: Run, kind: Kind) -> None:
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker() as adapter:
            hub.control.misbehave(NAME, kind, count=1, path="/permit/", method="POST", delay_ms=1)
            ended = await adapter.send_all([put(each, 1) for each in NEW])
            assert {type(error) for error in ended} == {UnclearError}
            assert kinds(await adapter.send_all([put(each, 2) for each in NEW])) == {None}

    run(scenario())
    assert hub.held() == {each.reference: record(each) for each in NEW}


def test_permits_stored_in_a_series_that_was_replaced_are_not_confirmed(hub: Hub, run: Run) -> None:
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send_all([put(permit(), 1)])  # it knows the series from now on
            hub.activate(hub.make_series(active=False), deactivate_others=True)
            assert kinds(await adapter.send_all([put(each, 1) for each in NEW])) == {
                (UnclearError, FailureCode.UNAVAILABLE)
            }
            assert hub.held() == {}
            assert kinds(await adapter.send_all([put(each, 2) for each in NEW])) == {None}
            assert hub.held() == {each.reference: record(each) for each in NEW}
            assert kinds(await adapter.send_all([put(permit(), 1)])) == {None}  # it knows the new one

    run(scenario())


def test_permits_are_unclear_when_it_cannot_be_told_whether_their_series_is_active(hub: Hub, run: Run) -> None:
    """They are stored, so they must not pass for not sent."""
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send_all([put(permit(), 1)])
            hub.control.misbehave(NAME, Kind.THROTTLED, count=1, method="GET", path="/permitseries/")
            ended = await adapter.send_all([put(each, 1) for each in NEW])
            assert kinds(ended) == {(UnclearError, FailureCode.THROTTLED)}

    run(scenario())


def test_a_series_that_is_gone_is_found_again(hub: Hub, run: Run) -> None:
    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send_all([put(NEW[0], 1)])
            await adapter.send(removal(NEW[0], 2))
            for series in hub.series():
                assert hub.ask("DELETE", f"/permitseries/{series}/").status_code == 204
            assert kinds(await adapter.send_all([put(each, 1) for each in NEW])) == {
                (NotSentError, FailureCode.UNAVAILABLE)
            }
            assert kinds(await adapter.send_all([put(each, 1) for each in NEW])) == {None}

    run(scenario())
    assert hub.held() == {each.reference: record(each) for each in NEW}


def test_what_concerns_them_all_ends_the_batch(hub: Hub, run: Run) -> None:
    changed = [permit() for _ in range(60)]

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send_all([put(each, 1) for each in changed])
            before = hub.last()
            hub.control.misbehave(NAME, Kind.THROTTLED, retry_after="7")
            ended = await adapter.send_all([put(each, 2) for each in changed])
            assert kinds(ended) == {(NotSentError, FailureCode.THROTTLED)}
            assert {error.retry_after for error in ended if error is not None} == {7.0}
            assert len(hub.requests(before)) <= 8

    run(scenario())


def test_what_cannot_begin_in_time_is_not_sent_and_what_is_known_is_kept(hub: Hub, run: Run) -> None:
    changed = [permit() for _ in range(20)]

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send_all([put(each, 1) for each in changed])
            hub.control.misbehave(NAME, Kind.SLOW, delay_ms=1_100)
            ended = await adapter.send_all([put(replace(each, plate="WW123AA"), 2) for each in changed])
            assert kinds(ended[:16]) == {None}
            assert kinds(ended[16:]) == {(NotSentError, FailureCode.TIMED_OUT)}

    run(scenario())
