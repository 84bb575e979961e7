"""EasyPark's list: pages by reference, foreign rights, and changes while it is read."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from integrations.easypark.adapter import EasyPark
from integrations.errors import FailureCode, UnclearError
from integrations.sandbox import records
from schemas.shared import Copy, SharedPermit
from tests.conftest import Sandbox
from tests.integrations.easypark_rights import NAME, Run, copy, put, reach, record, remove, sandboxed
from tests.integrations.scripted import KEY, answering, reply


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[EasyPark]:
    with sandboxed(sandbox, run) as found:
        yield found


async def pages(adapter: EasyPark) -> list[list[Copy]]:
    found, cursor = [], None
    while True:
        page = await adapter.page(cursor)
        found.append([*page.copies])
        cursor = page.next_page
        if cursor is None:
            return found


def references(found: list[list[Copy]]) -> list[UUID]:
    return [one.reference for page in found for one in page]


@pytest.mark.parametrize(("held", "lengths"), [(0, [0]), (1_000, [1_000]), (2_001, [1_000, 1_000, 1])])
def test_pages_have_up_to_a_thousand_rights(
    adapter: EasyPark, sandbox: Sandbox, run: Run, held: int, lengths: list[int]
) -> None:
    sandbox.control.hold_many(NAME, held)

    found = run(pages(adapter))

    assert [len(page) for page in found] == lengths
    assert sorted(references(found)) == sorted(UUID(records.numbered(number)[0]) for number in range(1, held + 1))


def test_unchanged_rights_are_listed_once_while_others_come_and_go(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, 1_500)
    first = run(adapter.page(None))
    gone, stays = first.copies[0].reference, {one.reference for one in first.copies[1:]}
    comes = UUID(int=0), UUID(int=2**128 - 1)
    run(adapter.send(remove(gone)))
    for reference in (*comes, gone):
        run(adapter.send(put(replace(permit, reference=reference))))
    second = run(adapter.page(first.next_page))

    listed = [one.reference for one in (*first.copies, *second.copies)]
    assert len(listed) == len(set(listed))
    assert stays < set(listed)
    assert comes[1] in listed
    assert second.next_page is None
    assert sorted(references(run(pages(adapter)))) == sorted(sandbox.control.held(NAME))


def test_rights_under_foreign_references_are_only_counted(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    for reference in ("HC-1559569233498", str(uuid4()).upper(), uuid4().hex):
        sandbox.control.hold(NAME, reference, record(permit))

    page = run(adapter.page(None))

    assert (page.copies, page.foreign) == ([copy(permit)], 3)


def test_a_page_that_ends_with_a_foreign_right_has_a_next_page(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, 999)
    sandbox.control.hold(NAME, "000000_another-s", record(permit))
    sandbox.control.hold(NAME, "zzz", record(permit))
    run(adapter.send(put(replace(permit, reference=UUID(int=2**128 - 1)))))

    assert [len(page) for page in run(pages(adapter))] == [999, 1]


def test_a_right_emptied_by_another_client_differs_from_ours(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold(NAME, permit.reference, record(permit)._replace(country=None, profile=None))

    assert run(adapter.page(None)).copies == [replace(copy(permit), country=None, profile=None)]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"parkingrights": []},
        {"parkingrights": {}, "next": None},
        {"parkingrights": [None], "next": None},
        {"parkingrights": [], "next": ""},
        {"parkingrights": [], "next": 7},
        {"parkingrights": [], "next": "round&round"},
    ],
    ids=str,
)
def test_a_malformed_or_circular_page_is_unclear(run: Run, body: object) -> None:
    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("200 OK", json.dumps(body).encode()))

    async def ask() -> bytes:
        async with answering(respond) as server, aclosing(reach(f"http://127.0.0.1:{server.port}", KEY)) as adapter:
            with pytest.raises(UnclearError) as caught:
                await adapter.page("round&round")
        assert caught.value.code == FailureCode.ANSWER_UNREADABLE
        return server.requests[0]

    assert b"after=round%26round " in run(ask())
