"""Flowbird's list: pages by reference, foreign rights, and changes while it is read."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from integrations.errors import FailureCode, UnclearError
from integrations.flowbird import wire
from integrations.flowbird.adapter import Flowbird
from integrations.sandbox.records import numbered
from schemas.shared import Copy, SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.certificates import Authority
from tests.integrations.flowbird_rights import NAME, PARIS, Run, copy, put, reach, record, remove, sandboxed
from tests.integrations.scripted import answering, reply


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[Flowbird]:
    with sandboxed(sandbox, run) as found:
        yield found


async def pages(adapter: Flowbird) -> list[list[Copy]]:
    found, cursor = [], None
    while True:
        page = await adapter.page(cursor)
        found.append([*page.copies])
        cursor = page.next_page
        if cursor is None:
            return found


@pytest.mark.parametrize(("held", "lengths"), [(0, [0]), (1_000, [1_000]), (2_001, [1_000, 1_000, 1])])
def test_pages_have_up_to_a_thousand_rights_in_order(
    adapter: Flowbird, sandbox: Sandbox, run: Run, held: int, lengths: list[int]
) -> None:
    sandbox.control.hold_many(NAME, held)

    found = run(pages(adapter))

    assert [len(page) for page in found] == lengths
    references = [one.reference for page in found for one in page]
    assert references == sorted(UUID(numbered(number)[0]) for number in range(1, held + 1))


def test_unchanged_rights_are_listed_once_while_others_come_and_go(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, 1_500)
    first = run(adapter.page(None))
    last = first.copies[-1].reference  # where the next page begins
    stays = {UUID(numbered(number)[0]) for number in range(1, 1_501)} - {first.copies[0].reference, last}
    lowest, highest = UUID(int=0), UUID(int=2**128 - 1)
    changes = [remove(first.copies[0].reference), remove(last), put(replace(permit, reference=lowest))]
    run(adapter.send_all([*changes, put(replace(permit, reference=highest))]))
    second = run(adapter.page(first.next_page))

    listed = [one.reference for one in (*first.copies, *second.copies)]
    assert len(listed) == len(set(listed))
    assert stays < set(listed)
    assert highest in listed
    assert second.next_page is None
    assert sorted(one.reference for page in run(pages(adapter)) for one in page) == sorted(sandbox.control.held(NAME))


def test_a_right_removed_and_put_again_is_listed_once(adapter: Flowbird, run: Run, permit: SharedPermit) -> None:
    for version, change in enumerate([put(permit), remove(permit.reference), put(permit)]):
        run(adapter.send(replace(change, version=version)))
        run(adapter.page(None))

    assert run(pages(adapter)) == [[copy(permit)]]


def test_rights_under_foreign_references_are_only_counted(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    for reference in ("SCREEN-0042", str(uuid4()).upper(), uuid4().hex):
        sandbox.control.hold(NAME, reference, record(permit))

    page = run(adapter.page(None))

    assert (page.copies, page.foreign) == ([copy(permit)], 3)


def test_a_page_that_ends_with_a_foreign_right_has_a_next_page(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold_many(NAME, 999)
    sandbox.control.hold(NAME, "000000-another-s", record(permit))
    run(adapter.send(put(replace(permit, reference=UUID(int=2**128 - 1)))))

    assert [len(page) for page in run(pages(adapter))] == [999, 1]


def test_a_right_emptied_by_another_client_differs_from_ours(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold(NAME, permit.reference, record(permit)._replace(zones=(), profile=None))

    assert run(adapter.page(None)).copies == [replace(copy(permit), zones=None, profile=None)]


DAYS = Validity(date(2024, 3, 31), date(2024, 10, 27))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, {}),
        ({"from": "2024-03-30T23:00:00Z", "until": "2024-10-27T23:00:00.000Z"}, {}),
        ({"from": "2024-03-31T01:00:00+02:00"}, {}),
        ({"owner": "city"}, {}),
        ({"plate": None}, {"plate": None}),
        ({"zones": None}, {"zones": None}),
        ({"zones": []}, {"zones": None}),
        ({"zones": ["75014_A"]}, {"zones": None}),
        ({"zones": [{"code": "75014_A"}, {"code": 7}]}, {"zones": None}),
        ({"product": 7}, {"profile": None}),
        ({"from": "2024-03-31T00:00:00"}, {"validity": None}),
        ({"from": "2024-03-30T23:00:00"}, {"validity": None}),
        ({"from": "2024-03-31T00:30:00+01:00"}, {"validity": None}),
        ({"from": "2024-10-28T00:00:00+01:00"}, {"validity": None}),
        ({"from": "0001-01-01T00:00:00+14:00"}, {"validity": None}),
        ({"until": None}, {"validity": None}),
        ({"until": "tomorrow"}, {"validity": None}),
    ],
    ids=str,
)
def test_a_right_is_read_by_meaning_without_its_malformed_fields(
    other: dict[str, object], expected: dict[str, None]
) -> None:
    reference = uuid4()
    right: dict[str, object] = {
        "reference": str(reference),
        "plate": "EF367QS",
        "zones": [{"code": "75014_B", "name": "Plaisance"}, {"code": "75014_A"}],
        "product": "resident",
        "from": "2024-03-31T00:00:00+01:00",
        "until": "2024-10-28T00:00:00+01:00",
    }

    found = wire.copy(right | other, PARIS)

    whole = Copy(reference, "EF367QS", None, ("75014_B", "75014_A"), "resident", DAYS)
    assert found == replace(whole, **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"rights": []},
        {"rights": {}, "next": None},
        {"rights": [None], "next": None},
        {"rights": [], "next": ""},
        {"rights": [], "next": 7},
        {"rights": [], "next": "round&round"},
    ],
    ids=str,
)
def test_a_malformed_or_circular_page_is_unclear(run: Run, tmp_path: Path, body: object) -> None:
    certificate = tmp_path / "hub.pem"
    certificate.write_bytes(Authority(tmp_path).client("permit-hub"))
    token = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("200 OK", json.dumps(token if number == 0 else body).encode()))

    async def ask() -> bytes:
        async with (
            answering(respond) as server,
            aclosing(reach(f"http://127.0.0.1:{server.port}", certificate)) as adapter,
        ):
            with pytest.raises(UnclearError) as caught:
                await adapter.page("round&round")
        assert caught.value.code == FailureCode.ANSWER_UNREADABLE
        return server.requests[1]

    assert b"cursor=round%26round " in run(ask())
