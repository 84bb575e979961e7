"""What every provider must tell that lists what it holds: the same as it holds, whatever changes meanwhile."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from integrations.base import Listing
from integrations.errors import ProviderError
from integrations.sandbox import records
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import Copy, SharedField, SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.engine import Hub
from tests.integrations.subjects import (
    FAILING,
    FAULTS,
    Remote,
    Subject,
    another,
    capabilities,
    changed,
    copy_of,
    declared,
    expected,
    in_sandbox,
    who,
)

LISTING = who(lambda its: its.lists)
IN_SANDBOX = in_sandbox(lambda its: its.lists)
MANY = 2_300  # more than two pages of every provider
PAGES = {"city_hub": 100, "easypark": 1_000, "flowbird": 1_000, "indigo_neo": 500}
NOT_OURS = ("HC-1559569233498", str(uuid4()).upper(), uuid4().hex)  # no reference that we would write like that
LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)

listing = pytest.mark.parametrize("provider", LISTING)


@listing
def test_nothing_is_listed_where_nothing_is_held(hub: Hub, run: Run) -> None:
    assert run(hub.list_all()) == ([], 0)


@listing
def test_what_was_put_is_listed_as_it_was_put(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    permits = [another(permit, number) for number in range(3)] + [changed(another(permit))]
    for one in permits:
        run(hub.put(one))
    run(hub.put(permit))
    run(hub.remove(permit.reference))

    copies, foreign = run(hub.list_all())

    assert {copy.reference: copy for copy in copies} == {one.reference: expected(subject, one) for one in permits}
    assert len(copies) == len(permits)
    assert foreign == 0
    assert subject.held() == {copy.reference: copy for copy in copies}


@listing
def test_what_was_removed_and_put_again_is_listed_once(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    for wanted in (permit, None, permit):
        run(hub.carry_out(hub.change(permit.reference, wanted)))
        run(hub.list_all())

    assert run(hub.list_all()) == ([expected(subject, permit)], 0)


@pytest.mark.parametrize("provider", IN_SANDBOX)
@pytest.mark.parametrize("pages", [0, 1, 2])
@pytest.mark.parametrize("beyond", [0, 1])
def test_each_right_is_on_one_page_of_the_length_that_they_have(
    subject: Remote, hub: Hub, run: Run, pages: int, beyond: int
) -> None:
    length = PAGES[subject.name]
    subject.control.hold_many(subject.name, pages * length + beyond)

    found = run(hub.pages())

    lengths = [length] * pages + [beyond] * beyond
    assert sorted(filter(None, (len(page.copies) for page in found))) == sorted(lengths)
    assert {copy.reference for page in found for copy in page.copies} == subject.held().keys()


@pytest.mark.parametrize("provider", IN_SANDBOX)
def test_rights_under_other_references_are_counted_only(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    run(hub.put(permit))
    for reference in NOT_OURS:
        subject.control.hold(subject.name, reference, records.numbered(1)[1])

    assert run(hub.list_all()) == ([expected(subject, permit)], len(NOT_OURS))


@pytest.mark.parametrize("provider", IN_SANDBOX)
def test_a_page_that_ends_with_anothers_right_leads_on(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    subject.control.hold_many(subject.name, PAGES[subject.name] - 1)
    for reference in ("000000-another-s", "zzz"):
        subject.control.hold(subject.name, reference, records.numbered(1)[1])
    run(hub.put(replace(permit, reference=HIGHEST)))

    copies, foreign = run(hub.list_all())

    assert (len(copies), foreign) == (PAGES[subject.name], 2)
    assert {copy.reference for copy in copies} == subject.held().keys()


@pytest.mark.parametrize(
    ("provider", "field"),
    [
        (name, field)
        for name in IN_SANDBOX
        for field in (SharedField.COUNTRY, SharedField.PROFILE)
        if field in capabilities(name).fields
    ],
)
def test_what_somebody_else_has_emptied_differs_from_what_was_put(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run, field: str
) -> None:
    run(hub.put(permit))
    whole = subject.control.held(subject.name)[permit.reference]
    emptied: dict[str, Any] = {field: None}
    subject.control.hold(subject.name, permit.reference, whole._replace(**emptied))

    ((copy,), _) = run(hub.list_all())

    assert copy.reference == permit.reference
    assert getattr(copy, field) is None
    assert copy != expected(subject, permit)


@pytest.mark.parametrize("provider", IN_SANDBOX)
def test_many_pages_list_each_right_once_and_as_it_is_held(subject: Remote, hub: Hub, run: Run) -> None:
    subject.control.hold_many(subject.name, MANY)
    subject.control.hold(subject.name, "not-ours", records.numbered(1)[1])

    copies, foreign = run(hub.list_all())

    held = {reference: declared(subject, copy) for reference, copy in subject.held().items()}
    assert len(copies) == MANY
    assert {copy.reference: copy for copy in copies} == held
    assert foreign == 1


@pytest.mark.parametrize("provider", IN_SANDBOX)
def test_drift_is_listed_as_it_is(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    lost, altered = another(permit), permit
    orphan, orphaned = uuid4(), records.numbered(7)[1]
    for one in (lost, altered):
        run(hub.put(one))
    theirs = orphaned._replace(plate="ZZ999ZZ")

    subject.control.drop(subject.name, lost.reference)
    subject.control.hold(subject.name, altered.reference, theirs)
    subject.control.hold(subject.name, orphan, orphaned)

    copies, _ = run(hub.list_all())
    assert {copy.reference: copy for copy in copies} == {
        altered.reference: declared(subject, copy_of(altered.reference, theirs)),
        orphan: declared(subject, copy_of(orphan, orphaned)),
    }
    run(hub.converge(lost.reference, lost))
    run(hub.converge(altered.reference, altered))
    run(hub.converge(orphan, None))
    assert subject.held() == {one.reference: expected(subject, one) for one in (lost, altered)}


@pytest.mark.parametrize("provider", IN_SANDBOX)
def test_a_listing_survives_what_changes_between_its_pages(
    subject: Remote, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    subject.control.hold_many(subject.name, MANY)
    references = list(subject.held())
    removed, altered = references[5::100], references[6::100]
    untouched = set(references).difference(removed, altered)
    theirs = records.numbered(1)[1]._replace(plate="ZZ999ZZ")
    changes = zip(removed, altered, strict=False)

    async def list_while_it_changes() -> list[Copy]:
        copies: list[Copy] = []
        cursor = None
        while True:
            page = await cast(Listing, subject.adapter).page(cursor)
            copies += page.copies
            cursor = page.next_page
            if cursor is None:
                return copies
            for last in page.copies[-1:]:  # where the next page begins
                if last.reference in untouched:
                    subject.control.drop(subject.name, last.reference)
            for outermost in (LOWEST, HIGHEST):
                await hub.put(replace(permit, reference=outermost))
            for gone, other in list(_some(changes, 10)):
                subject.control.drop(subject.name, gone)
                subject.control.hold(subject.name, other, theirs)
            await hub.put(another(permit))

    copies = run(list_while_it_changes())

    seen = Counter(copy.reference for copy in copies)
    held = subject.held()
    stayed = set(references) & held.keys()
    assert {reference: seen[reference] for reference in stayed} == dict.fromkeys(stayed, 1)
    assert max(seen.values()) == 1
    before = {UUID(reference): record for reference, record in map(records.numbered, range(1, MANY + 1))}
    for copy in copies:
        known = [held[copy.reference]] if copy.reference in held else []
        if copy.reference in before:
            known.append(copy_of(copy.reference, before[copy.reference]))
        assert copy in [declared(subject, one) for one in known]


@listing
@pytest.mark.parametrize("kind", FAILING)
def test_a_page_that_goes_wrong_can_be_asked_for_again(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, kind: Kind
) -> None:
    run(hub.put(permit))
    subject.misbehave(kind)

    with pytest.raises(ProviderError) as caught:
        run(hub.list_all())

    fault = FAULTS[kind].error
    assert (type(caught.value), caught.value.code) == (type(fault), fault and fault.code)
    assert run(hub.list_all()) == ([expected(subject, permit)], 0)


def _some(changes: Iterator[tuple[UUID, UUID]], count: int) -> Sequence[tuple[UUID, UUID]]:
    return [change for _, change in zip(range(count), changes, strict=False)]
