"""EasyPark's answers as a real server might write them, unlike the sandbox: read by meaning, or not believed."""

import asyncio
import json
from contextlib import aclosing

import pytest

from integrations.base import Change
from integrations.errors import FailureCode, ProviderError, RejectedError, UnclearError
from schemas.shared import SharedPermit
from tests.integrations.easypark_rights import Run, reach
from tests.integrations.rights import put, remove
from tests.integrations.scripted import KEY, answering, reply

Scripted = tuple[str, object]

BOTH = '["75014_A","75014_B"]'
ANOTHERS = {"externalReferenceId": "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11"}
NO_RIGHT: Scripted = ("404 Not Found", {"code": 2, "message": "", "errors": [{"code": 1107, "message": ""}]})


def right(permit: SharedPermit, **other: object) -> dict[str, object]:
    """Return the permit of these tests as they may tell it: other offsets, other members, a list in other spacing."""
    return {
        "externalReferenceId": str(permit.reference),
        "licensePlate": permit.plate,
        "startDate": "2024-03-31T00:00:00+01:00",
        "endDate": "2024-10-27T23:00:00.0000000Z",
        "profile": permit.profile,
        "extraProperties": {
            "locationCode": "75014_A",
            "licensePlateCountry": permit.country,
            "enforcementLocations": BOTH,
            "amountCurrency": "EUR",
        },
        "amount": 0,
    } | other


def requests_for(run: Run, change: Change, *answers: Scripted) -> int:
    """Send a change to a server that gives these answers; return how many requests it took."""
    replies = [reply(status, b"" if body is None else json.dumps(body).encode()) for status, body in answers]

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(replies[number])

    async def send() -> int:
        async with answering(respond) as server, aclosing(reach(f"http://127.0.0.1:{server.port}", KEY)) as adapter:
            await adapter.send(change)
        return len(server.requests)

    return int(run(send()))


def failure(run: Run, change: Change, *answers: Scripted) -> ProviderError:
    """Return how sending a change ends, after all of these answers."""
    with pytest.raises(ProviderError) as caught:
        requests_for(run, change, *answers)
    return caught.value


def is_unreadable(error: ProviderError) -> bool:
    """Tell whether an answer was not believed; a request after the last answer would have lost its connection."""
    return isinstance(error, UnclearError) and error.code == FailureCode.ANSWER_UNREADABLE


@pytest.mark.parametrize("status", ["201 Created", "409 Conflict"])
def test_a_right_is_compared_by_meaning(run: Run, permit: SharedPermit, status: str) -> None:
    assert requests_for(run, put(permit), (status, right(permit))) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"startDate": "2024-03-30T23:00:00"},
        {"startDate": "2024-03-31T00:30:00+01:00"},
        {"startDate": "0001-01-01T00:00:00+14:00"},
        {"startDate": 1711839600},
        {"endDate": None},
        {"endDate": "2024-03-30T23:00:00Z"},
        {"extraProperties": None},
        {"extraProperties": {"locationCode": "75014_A", "licensePlateCountry": "QZ", "enforcementLocations": "[75014"}},
        {"extraProperties": {"locationCode": "75014_B", "licensePlateCountry": "QZ", "enforcementLocations": BOTH}},
        {"licensePlate": 7},
    ],
    ids=lambda other: f"{next(iter(other))}",
)
def test_a_right_that_cannot_be_read_is_replaced(run: Run, permit: SharedPermit, other: dict[str, object]) -> None:
    answers: list[Scripted] = [("409 Conflict", right(permit, **other)), ("204 No Content", None)]

    assert requests_for(run, put(permit), *answers) == 2


def test_a_registration_of_something_else_is_unclear(run: Run, permit: SharedPermit) -> None:
    assert is_unreadable(failure(run, put(permit), ("201 Created", right(permit, licensePlate="WW123AA"))))


@pytest.mark.parametrize("body", [None, [], {}, {"code": 2, "message": "", "errors": []}, ANOTHERS], ids=str)
def test_a_duplicate_that_is_not_ours_is_unclear(run: Run, permit: SharedPermit, body: object) -> None:
    found = right(permit, **ANOTHERS) if body is ANOTHERS else body

    assert is_unreadable(failure(run, put(permit), ("409 Conflict", found)))


@pytest.mark.parametrize("version", [1, 2])
def test_when_neither_way_fits_the_outcome_is_unclear(run: Run, permit: SharedPermit, version: int) -> None:
    taken: Scripted = ("409 Conflict", right(permit, licensePlate="WW123AA"))

    error = failure(run, put(permit, version), *((taken, NO_RIGHT) if version == 1 else (NO_RIGHT, taken)))

    assert is_unreadable(error)


@pytest.mark.parametrize(
    "body", [{}, {"code": 404, "message": "Not Found"}, {"errors": [1, {}], "code": True}], ids=str
)
def test_an_absence_without_their_number_is_unclear(run: Run, permit: SharedPermit, body: object) -> None:
    for change in (put(permit, 2), remove(permit.reference)):
        assert is_unreadable(failure(run, change, ("404 Not Found", body)))


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted"])
def test_an_answer_that_the_contract_does_not_promise_is_unclear(run: Run, permit: SharedPermit, status: str) -> None:
    for change in (put(permit, 2), remove(permit.reference)):
        assert is_unreadable(failure(run, change, (status, {})))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": 23, "message": ""}, FailureCode.ZONE_UNKNOWN),
        ({"code": 2, "message": "", "errors": [{"field": "x"}, {"code": 1103}]}, FailureCode.PROFILE_UNKNOWN),
        ({"code": 23, "message": "", "errors": [{"code": 1102}]}, FailureCode.COUNTRY_REFUSED),
        ({"code": 2, "message": "", "errors": [{"code": 9999}]}, FailureCode.REQUEST_REFUSED),
        ({"code": "23", "errors": {"code": 23}}, FailureCode.REQUEST_REFUSED),
        (["23"], FailureCode.REQUEST_REFUSED),
    ],
)
def test_the_first_number_known_names_a_refusal(
    run: Run, permit: SharedPermit, body: object, code: FailureCode
) -> None:
    error = failure(run, put(permit), ("400 Bad Request", body))

    assert isinstance(error, RejectedError)
    assert error.code == code
