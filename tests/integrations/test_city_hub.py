"""The city's hub: single permits, and lists."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from integrations.errors import FailureCode, NotSentError, ProviderError, UnclearError
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.records import Record
from schemas.shared import Copy
from tests.conftest import Sandbox
from tests.integrations.city_hub import DAYS, NAME, Hub, copy, list_all, permit, put, record, removal
from tests.integrations.conftest import Run


@pytest.fixture
def hub(sandbox: Sandbox) -> Iterator[Hub]:
    with Hub(sandbox) as found:
        yield found


def test_a_permit_that_they_have_takes_one_request(hub: Hub, run: Run) -> None:
    wanted = permit()

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send(put(wanted, 1))
            before = hub.last()
            await adapter.send(put(replace(wanted, plate="WW123AA"), 2))

            assert hub.requests(before) == [("PUT", f"/activepermit/{wanted.reference}/")]
            assert hub.held()[wanted.reference].plate == "WW123AA"

    run(scenario())


@pytest.mark.parametrize("active", [True, False], ids=["beside a copy that counts", "where nothing counts any more"])
def test_a_removal_reaches_copies_in_inactive_series(hub: Hub, run: Run, active: bool) -> None:
    wanted, kept = permit(), permit()
    retired = hub.make_series(hub.document(str(wanted.reference)), hub.document(str(kept.reference)))
    current = hub.make_series(*([hub.document(str(wanted.reference))] if active else []), active=False)
    hub.activate(current, deactivate_others=True)

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send(removal(wanted, 3))

    run(scenario())
    assert hub.held() == {}
    hub.activate(retired, deactivate_others=True)
    assert list(hub.held()) == [kept.reference]


def test_a_removal_succeeds_with_two_active_series(hub: Hub, run: Run) -> None:
    wanted = permit()
    for _ in range(2):
        hub.make_series(hub.document(str(wanted.reference)))

    async def scenario() -> None:
        async with hub.worker() as adapter:
            await adapter.send(removal(wanted, 2))

    run(scenario())
    assert hub.held() == {}
    assert hub.ask("GET", f"/permit/?external_id={wanted.reference}").json()["count"] == 0


def test_two_active_series_cannot_be_listed(hub: Hub, run: Run) -> None:
    wanted = permit()
    first = hub.make_series(hub.document(str(wanted.reference)))
    hub.make_series(hub.document(str(wanted.reference)))

    async def scenario() -> str:
        async with hub.worker() as adapter:
            with pytest.raises(UnclearError) as caught:
                await adapter.page(None)
            hub.activate(first, deactivate_others=True)
            assert (await adapter.page(None)).copies
            return caught.value.code

    assert run(scenario()) == FailureCode.SEVERAL_ACTIVE


@pytest.mark.parametrize("version", [1, 2], ids=["in a list", "alone"])
def test_the_store_is_the_series_of_the_last_put(hub: Hub, run: Run, version: int) -> None:
    async def scenario() -> None:
        async with hub.worker() as adapter:
            assert adapter.store is None
            await adapter.send_all([put(permit(), version)])
            (first,) = hub.series()
            assert adapter.store == str(first)
            hub.activate(hub.make_series(active=False), deactivate_others=True)

            await adapter.send_all([put(permit(), 2)])

            assert adapter.store == str(max(hub.series()))
            assert adapter.store != str(first)

    run(scenario())


def test_a_404_page_of_html_does_not_mean_nothing_held(hub: Hub, run: Run) -> None:
    async def scenario() -> ProviderError:
        async with hub.worker(path="/elsewhere") as adapter:
            with pytest.raises(UnclearError) as caught:
                await adapter.send(removal(permit(), 1))
            return caught.value

    assert run(scenario()).code == FailureCode.ANSWER_UNREADABLE


def test_a_permit_just_created_by_another_worker_is_unclear_then_replaced(hub: Hub, run: Run) -> None:
    """They answer a duplicate with 500 and a page of HTML."""
    wanted = permit()
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker() as first, hub.worker() as second:
            hub.control.misbehave(NAME, Kind.SLOW, count=2, method="PUT", delay_ms=200)
            ended = await asyncio.gather(
                first.send(put(wanted, 1)), second.send(put(wanted, 2)), return_exceptions=True
            )
            (error,) = [one for one in ended if one is not None]
            assert isinstance(error, UnclearError)
            assert (error.code, error.status) == (FailureCode.SERVER_ERROR, 500)

            await second.send(put(replace(wanted, plate="WW123AA"), 3))

    run(scenario())
    assert hub.held() == {wanted.reference: record(replace(wanted, plate="WW123AA"))}


def test_a_late_creation_is_replaced_by_the_next_attempt(hub: Hub, run: Run) -> None:
    wanted = permit()
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker() as adapter:
            hub.control.misbehave(NAME, Kind.ERROR_AFTER, count=1, method="POST", path="/activepermit/")
            with pytest.raises(UnclearError):
                await adapter.send(put(wanted, 1))
            await adapter.send(put(replace(wanted, plate="WW123AA"), 2))

    run(scenario())
    assert hub.held()[wanted.reference].plate == "WW123AA"


@pytest.mark.parametrize("version", [1, 2])
def test_a_wrong_domain_setting_rejects_no_permit(hub: Hub, run: Run, version: int) -> None:
    hub.make_series()

    async def scenario() -> None:
        async with hub.worker(domain="nowhere") as adapter:
            for error in await adapter.send_all([put(permit(), version), put(permit(), version)]):
                assert isinstance(error, NotSentError)
                assert error.code == FailureCode.UNAUTHORISED

    run(scenario())


def test_each_permit_is_listed_once_if_others_vanish_between_pages(hub: Hub, run: Run) -> None:
    gone, staying = [permit() for _ in range(60)], [permit() for _ in range(290)]

    async def scenario() -> None:
        async with hub.worker() as adapter:
            # the deleted ones are the oldest, so all others move forward
            for batch in (gone, staying[:100], staying[100:200], staying[200:]):
                assert not any(await adapter.send_all([put(each, 1) for each in batch]))
            page = await adapter.page(None)
            copies = [*page.copies]
            for each in gone:
                if page.next_page is not None:
                    page = await adapter.page(page.next_page)
                    copies += page.copies
                await adapter.send(removal(each, 2))
            assert page.next_page is None

        staying_ones = {each.reference: copy(each) for each in staying}
        listed = [one for one in copies if one.reference in staying_ones]
        assert len(listed) == len(staying)
        assert {one.reference: one for one in listed} == staying_ones

    run(scenario())


def test_a_page_that_vanished_meanwhile_is_empty(hub: Hub, run: Run) -> None:
    gone, staying = [permit() for _ in range(100)], [permit() for _ in range(101)]

    async def scenario() -> None:
        async with hub.worker() as adapter:
            for batch in (gone, staying[:100], staying[100:]):
                await adapter.send_all([put(each, 1) for each in batch])
            page = await adapter.page(None)
            for each in gone:
                hub.control.drop(NAME, each.reference)
            copies: list[Copy] = []
            while page.next_page is not None:
                page = await adapter.page(page.next_page)
                copies += page.copies
        assert sorted(one.reference for one in copies) == sorted(each.reference for each in staying)

    run(scenario())


def test_foreign_references_are_counted_and_foreign_forms_listed_bare(hub: Hub, run: Run) -> None:
    drifted, theirs = permit(), uuid4()
    span = {"start_time": "2024-03-30T23:00:00Z", "end_time": "2024-10-27T23:00:00Z"}
    vehicles = [{**span, "registration_number": plate} for plate in ("AA111AA", "BB222BB")]
    hub.make_series(
        hub.document("a-permit-of-somebody-else"),
        hub.document(str(theirs).upper()),
        hub.document(str(theirs), subjects=vehicles),
    )
    hub.control.hold(NAME, drifted.reference, Record("CC333CC", None, ("14A",), None, *_days()))

    async def scenario() -> None:
        async with hub.worker() as adapter:
            copies, foreign = await list_all(adapter)
            listed = {one.reference: one for one in copies}
            assert listed[drifted.reference] == copy(replace(drifted, plate="CC333CC", zones=("14A",)))
            assert (listed[theirs].plate, listed[theirs].zones, listed[theirs].validity) == (None, None, None)
            assert foreign == 2

    run(scenario())


def _days() -> tuple[date, date]:
    return DAYS.first_day, DAYS.last_day
