"""Indigo Neo: answers in other forms than the sandbox's are compared by meaning, or count as unreadable."""

import asyncio
import json
from contextlib import aclosing

import pytest

from integrations.base import Change, Page
from integrations.errors import FailureCode, ProviderError, RejectedError, StaleError, UnclearError
from schemas.shared import Copy, SharedPermit
from tests.integrations.indigo_neo_rights import Run, reach
from tests.integrations.rights import copy, put, remove
from tests.integrations.scripted import KEY, answering, reply

Scripted = tuple[str, object]

OK: Scripted = ("200 OK", {"status": "ok"})
CREATED: Scripted = ("201 Created", {"status": "ok", "code": 200, "message": "created"})
ABSENT: Scripted = ("404 Not Found", {"status": "error", "code": 404, "message": "Not found"})
CONFLICT: Scripted = ("409 Conflict", {"status": "error", "code": 409, "message": "Outdated version number provided"})
ANOTHERS = {"detail": "not here"}


def right(permit: SharedPermit, **other: object) -> dict[str, object]:
    """Return the tests' permit in another form: other offsets, more keys, null for missing values."""
    return {
        "id": str(permit.reference),
        "version": 3,
        "rightSpecification": {"id": "zz_resident.75014_A.75014_B", "version": 1, "className": "RightSpecification"},
        "rightHolder": {
            "credentials": [
                {
                    "type": "licensePlate",
                    "identifier": {"id": permit.plate, "className": "QZNumberPlate"},
                    "issuer": [{"language": "fr", "string": "Préfecture"}],
                }
            ]
        },
        "issuanceTime": None,
        "expiry": "2024-10-27T23:00:00.000+00:00",
        "plannedUses": [
            {
                "startTime": "2024-03-31T00:00:00+01:00",
                "endTime": "2024-10-28T00:00:00+01:00",
                "cancelTime": None,
                "issueMethod": "electronic",
            }
        ],
        "payments": [],
    } | other


USE = {"startTime": "2024-03-30T23:00:00Z", "endTime": "2024-10-27T23:00:00Z"}


def use(**other: object) -> dict[str, object]:
    return {"plannedUses": [USE | other]}


def credential(**other: object) -> dict[str, object]:
    plain = {"type": "licensePlate", "identifier": {"className": "QZNumberPlate", "id": "QJ817XK"}, "issuer": []}
    return {"rightHolder": {"credentials": [plain | other]}}


def listing(*rights: object, **meta: object) -> Scripted:
    told = {"referenceInstant": 1_700_000_000, "offset": 0, "pageSize": 2, "total": len(rights)} | meta
    return "200 OK", {"meta": told, "data": [*rights]}


async def ask(*answers: Scripted, change: Change | None = None, cursor: str | None = None) -> tuple[list[str], Page]:
    """Send a change to a server with these answers, or list from a cursor; return the requests."""
    replies = [reply(status, json.dumps(body).encode()) for status, body in answers]

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(replies[number])

    async with answering(respond) as server, aclosing(reach(f"http://127.0.0.1:{server.port}", KEY)) as adapter:
        if change is None:
            page = await adapter.page(cursor)
        else:
            await adapter.send(change)
            page = Page([], None)
    assert len(server.requests) == len(answers)
    return [request.split(b" HTTP")[0].decode() for request in server.requests], page


def failure(run: Run, *answers: Scripted, change: Change | None = None, cursor: str | None = None) -> ProviderError:
    """Return the error of the same."""
    with pytest.raises(ProviderError) as caught:
        run(ask(*answers, change=change, cursor=cursor))
    return caught.value


def test_a_right_is_read_by_meaning(run: Run, permit: SharedPermit) -> None:
    _, page = run(ask(listing(right(permit))))

    assert page.copies == [copy(permit)]


@pytest.mark.parametrize(
    "other",
    [
        {"expiry": None},
        {"expiry": "2024-10-26T22:00:00Z"},
        {"plannedUses": None},
        {"plannedUses": []},
        use(cancelTime="2024-05-01T10:00:00Z"),
        use(expiryTime="2024-05-01T10:00:00Z"),
        use(startTime="2024-03-31T00:00:00"),
        use(startTime="2024-03-30T23:00:01Z"),
        use(startTime="0001-01-01T00:00:00+14:00"),
        use(startTime="soon"),
        use(startTime="2024-10-27T23:00:00Z"),
        use(endTime=None),
        {"plannedUses": [USE, USE]},
        {"rightHolder": None},
        {"rightHolder": {"credentials": []}},
        credential(type="rfid"),
        credential(identifier={"className": "NumberPlate", "id": "QJ817XK"}),
        credential(identifier={"className": "VIN", "id": "QJ817XK"}),
        credential(identifier={"className": "QZNumberPlate"}),
        {"rightSpecification": {"id": "zz_resident", "version": 1}},
        {"rightSpecification": {"id": "zz_resident..75014_B", "version": 1}},
        {"rightSpecification": {"id": "zz_resident.75014_A.75014_B", "version": 2}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_right_of_a_foreign_form_differs_from_ours(run: Run, permit: SharedPermit, other: dict[str, object]) -> None:
    _, page = run(ask(listing(right(permit, **other))))

    assert page.copies == [Copy(permit.reference)]


@pytest.mark.parametrize(
    ("answers", "version"),
    [
        ([("201 Created", ANOTHERS)], 1),
        ([("409 Conflict", ANOTHERS)], 1),
        ([CONFLICT, ("200 OK", ANOTHERS)], 1),
        ([CONFLICT, ("404 Not Found", ANOTHERS)], 1),
        ([("200 OK", ANOTHERS)], 2),
        ([("404 Not Found", ANOTHERS)], 2),
        ([ABSENT, ("201 Created", ANOTHERS)], 2),
    ],
)
def test_a_put_is_done_only_with_their_ok(
    run: Run, permit: SharedPermit, answers: list[Scripted], version: int
) -> None:
    caught = failure(run, *answers, change=put(permit, version))

    assert isinstance(caught, UnclearError)
    assert caught.code == FailureCode.ANSWER_UNREADABLE


@pytest.mark.parametrize(
    "answers",
    [
        [("200 OK", {"status": "error"})],
        [("404 Not Found", ANOTHERS)],
        [("404 Not Found", {"status": "ok"})],
        [("409 Conflict", ANOTHERS)],
        [CONFLICT, ("404 Not Found", ANOTHERS)],
    ],
)
def test_a_removal_is_done_only_with_their_ok(run: Run, permit: SharedPermit, answers: list[Scripted]) -> None:
    caught = failure(run, *answers, change=remove(permit.reference))

    assert isinstance(caught, UnclearError)
    assert caught.code == FailureCode.ANSWER_UNREADABLE


def test_a_conflict_reads_the_right(run: Run, permit: SharedPermit) -> None:
    asked, _ = run(ask(CONFLICT, ("200 OK", right(permit)), change=put(permit, 3)))
    reference = permit.reference

    assert asked == [f"PUT /rights/assigned/{reference}", f"GET /rights/assigned/{reference}?expand=plannedUses"]


def test_a_conflict_with_an_existing_right_raises_stale_with_its_version(run: Run, permit: SharedPermit) -> None:
    ends = [
        failure(run, CONFLICT, ("200 OK", right(permit)), change=change)
        for change in (put(permit, 2), put(permit, 4), remove(permit.reference, 3))
    ]
    ends.append(failure(run, ABSENT, CONFLICT, ("200 OK", right(permit, version=1)), change=put(permit, 4)))

    assert [end.version for end in ends if isinstance(end, StaleError)] == [3, 3, 3, 1]


@pytest.mark.parametrize("version", [None, "3", 0, 2_147_483_647])
def test_a_version_without_a_valid_successor_is_unclear(run: Run, permit: SharedPermit, version: object) -> None:
    caught = failure(run, CONFLICT, ("200 OK", right(permit, version=version)), change=put(permit, 2))

    assert caught.code == FailureCode.ANSWER_UNREADABLE


def test_a_removal_that_meets_a_later_deletion_is_done(run: Run, permit: SharedPermit) -> None:
    run(ask(CONFLICT, ABSENT, change=remove(permit.reference)))


def test_an_unknown_message_is_a_refusal(run: Run, permit: SharedPermit) -> None:
    bodies: list[object] = [
        {"status": "error", "code": 400, "message": "Not today"},
        {"status": "error"},
        [],
        {"message": 1},
    ]
    for body in bodies:
        caught = failure(run, ("400 Bad Request", body), change=put(permit))
        assert isinstance(caught, RejectedError)
        assert caught.code == FailureCode.REQUEST_REFUSED


def test_pages_and_changes_are_requested_by_offset_and_instant(run: Run, permit: SharedPermit) -> None:
    first, page = run(ask(listing(right(permit), right(permit), total=3)))
    second, last = run(ask(listing(right(permit), offset=2, total=3), listing(), cursor=page.next_page))

    assert last.next_page is None
    assert first == ["GET /rights/assigned?expand=plannedUses"]
    assert second == [
        "GET /rights/assigned?expand=plannedUses&offset=2&reference_instant=1700000000",
        "GET /rights/assigned?expand=plannedUses&modified_since=1699999999",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        listing(offset=0, total=3),
        listing(offset=2, total=3, referenceInstant=1_700_000_001),
        listing(offset=2, total=9),
        listing(offset=2, pageSize=0),
        listing(None, offset=2),
        ("200 OK", {"data": []}),
        ("200 OK", {"meta": {}, "data": []}),
        ("200 OK", []),
    ],
)
def test_a_malformed_or_circular_page_is_unclear(run: Run, answer: Scripted) -> None:
    caught = failure(run, answer, cursor="2.1700000000")

    assert isinstance(caught, UnclearError)
    assert caught.code == FailureCode.ANSWER_UNREADABLE


def test_unreadable_changes_are_unclear(run: Run, permit: SharedPermit) -> None:
    caught = failure(run, listing(right(permit), offset=2, total=3), ("200 OK", ANOTHERS), cursor="2.1700000000")

    assert caught.code == FailureCode.ANSWER_UNREADABLE


def test_a_right_deleted_and_assigned_again_is_listed(run: Run, permit: SharedPermit) -> None:
    gone = {"id": str(permit.reference), "className": "AssignedRight", "deleteTimestamp": "2024-05-01T10:00:00Z"}
    status, changes = listing(right(permit))
    assert isinstance(changes, dict)
    answers = listing(right(permit, expiry=None), offset=2, total=3), (status, changes | {"deletedReferences": [gone]})

    _, page = run(ask(*answers, cursor="2.1700000000"))

    assert page.copies == [copy(permit)]
