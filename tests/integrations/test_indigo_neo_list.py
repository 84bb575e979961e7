"""Indigo Neo's list: pages of the rights at one instant, updated by later changes."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from integrations.errors import RejectedError
from integrations.indigo_neo.adapter import IndigoNeo
from integrations.sandbox import records
from schemas.shared import Copy, SharedPermit
from tests.conftest import Sandbox
from tests.integrations.indigo_neo_rights import NAME, Run, pages, sandboxed
from tests.integrations.rights import copy, put, record, remove

PAGE = 500


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[IndigoNeo]:
    with sandboxed(sandbox, run) as found:
        yield found


def references(adapter: IndigoNeo, run: Run, begin: str | None = None) -> list[UUID]:
    return [one.reference for page in pages(adapter, run, begin) for one in page.copies]


def numbered(count: int) -> list[UUID]:
    return [UUID(records.numbered(number)[0]) for number in range(1, count + 1)]


def test_what_changes_meanwhile_is_listed_as_it_is_now(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, PAGE + 2)
    first = run(adapter.page(None))
    changed, gone = (replace(permit, reference=reference) for reference in numbered(PAGE + 2)[-2:])
    run(adapter.send(put(changed, 2)))
    run(adapter.send(remove(gone.reference)))

    assert run(adapter.page(first.next_page)).copies == [copy(changed)]


def test_a_right_deleted_and_assigned_again_meanwhile_is_listed_as_it_is_now(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, PAGE + 1)
    first = run(adapter.page(None))
    again = replace(permit, reference=numbered(PAGE + 1)[-1])
    run(adapter.send(remove(again.reference, 2)))
    run(adapter.send(put(again, 3)))

    assert run(adapter.page(first.next_page)).copies == [copy(again)]


def test_with_more_changes_than_a_page_each_right_is_on_one_page(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, PAGE + 1)
    first = run(adapter.page(None))
    sandbox.control.hold_many(NAME, PAGE + 1)
    for _ in range(2):
        run(adapter.send(put(replace(permit, reference=uuid4()))))

    assert len(run(adapter.page(first.next_page)).copies) == 1


def test_with_more_deletions_than_a_page_all_are_removed_from_the_list(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run
) -> None:
    sandbox.control.hold_many(NAME, 2 * PAGE + 1)
    first = run(adapter.page(None))
    for reference in numbered(2 * PAGE + 1)[PAGE:]:
        run(adapter.send(remove(reference)))

    assert [len(page.copies) for page in pages(adapter, run, first.next_page)] == [1, 0]  # the first is not listed


def test_concurrent_listings_do_not_disturb_each_other(adapter: IndigoNeo, sandbox: Sandbox, run: Run) -> None:
    sandbox.control.hold_many(NAME, PAGE + 2)
    early = run(adapter.page(None))
    run(adapter.send(remove(early.copies[0].reference)))
    late = run(adapter.page(None))

    assert early.next_page != late.next_page
    assert sorted(references(adapter, run, early.next_page)) == sorted(numbered(PAGE + 2)[-2:])
    assert sorted(references(adapter, run, late.next_page)) == sorted(numbered(PAGE + 2)[-1:])


def test_an_expired_listing_is_refused(adapter: IndigoNeo, sandbox: Sandbox, run: Run) -> None:
    sandbox.control.hold_many(NAME, PAGE + 1)
    first = run(adapter.page(None))
    sandbox.control.reset(NAME)

    with pytest.raises(RejectedError):
        run(adapter.page(first.next_page))


@pytest.mark.parametrize("emptied", ["country", "profile"])
def test_a_right_of_a_foreign_form_is_listed_by_its_reference(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, emptied: str
) -> None:
    held = record(permit)
    foreign = {"country": held._replace(country=None), "profile": held._replace(profile=None)}[emptied]
    sandbox.control.hold(NAME, permit.reference, foreign)

    assert run(adapter.page(None)).copies == [Copy(permit.reference)]
