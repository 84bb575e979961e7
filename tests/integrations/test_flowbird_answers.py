"""Flowbird's answers as a real server, or one before it, might write them: read by meaning, or not believed."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.flowbird import wire
from schemas.shared import Copy, SharedPermit, Validity
from tests.integrations.certificates import Authority
from tests.integrations.flowbird_rights import PARIS, Ended, Run, ended, many, reach
from tests.integrations.rights import put, remove
from tests.integrations.scripted import answering, reply

Scripted = tuple[str, object]

TOKEN: Scripted = ("200 OK", {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600})
UNREADABLE = (UnclearError, FailureCode.ANSWER_UNREADABLE, 200)
MISSING = (UnclearError, FailureCode.ROW_MISSING, 200)
DEADLINE_SECONDS = 3.0  # as the engine's
KO = {"result": "KO", "reason": "BATCH_REFUSED"}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "hub.pem"
    file.write_bytes(Authority(tmp_path).client("permit-hub"))
    return file


def results(permits: Sequence[SharedPermit], *said: Mapping[str, object] | None) -> dict[str, list[object]]:
    """Return what a server says of some rows; None: nothing."""
    return {
        "results": [
            {"row": number, "reference": str(permit.reference), "result": "OK", **of_row}
            for number, (permit, of_row) in enumerate(zip(permits, said, strict=True))
            if of_row is not None
        ]
    }


def answers_to(
    run: Run, certificate: Path, permits: Sequence[SharedPermit], *answers: Scripted, removals: bool = False
) -> tuple[list[Ended], int]:
    """Send permits, or their removals, to a server that gives these answers, and then none; return how each ended, and
    the number of batches.
    """
    replies = [
        reply(status, body if isinstance(body, bytes) else json.dumps(body).encode())
        for status, body in (TOKEN, *answers)
    ]

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        if number < len(replies):
            writer.write(replies[number])

    async def send() -> tuple[list[Ended], int]:
        changes = [remove(permit.reference) if removals else put(permit) for permit in permits]
        async with (
            answering(respond) as server,
            aclosing(reach(f"http://127.0.0.1:{server.port}", certificate)) as adapter,
        ):
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    found: Sequence[ProviderError | None] = await adapter.send_all(changes)
            except ProviderError as error:
                found = [error] * len(changes)
        return [ended(error) for error in found], len(server.requests) - 1

    said: tuple[list[Ended], int] = run(send())
    return said


def test_results_are_matched_by_their_number_whatever_their_order(
    run: Run, certificate: Path, permit: SharedPermit
) -> None:
    permits = many(permit, 3)
    said = results(permits, {}, {"result": "KO", "reason": "PLATE_FORMAT"}, {"since": "today"})
    said["results"].reverse()

    found, _ = answers_to(run, certificate, permits, ("200 OK", {**said, "took_ms": 3}))

    assert found == [None, (RejectedError, FailureCode.PLATE_REFUSED, 200), None]


@pytest.mark.parametrize(
    "said",
    [
        {"result": "DONE"},
        {"result": None},
        {"result": True},
        {"result": "KO"},
        {"result": "KO", "reason": 7},
        {"reference": "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11"},
        {"reference": None},
    ],
    ids=str,
)
def test_a_result_that_says_something_else_is_unclear_for_its_row_alone(
    run: Run, certificate: Path, permit: SharedPermit, said: dict[str, object]
) -> None:
    permits = many(permit, 3)

    found, _ = answers_to(run, certificate, permits, ("200 OK", results(permits, {}, said, {})))

    assert found == [None, UNREADABLE, None]


def test_any_row_may_be_missing(run: Run, certificate: Path, permit: SharedPermit) -> None:
    permits = many(permit, 3)

    assert answers_to(run, certificate, permits, ("200 OK", results(permits, None, {}, None)))[0] == [
        MISSING,
        None,
        MISSING,
    ]
    assert answers_to(run, certificate, permits, ("200 OK", {"results": []}))[0] == [MISSING] * 3


def test_a_removal_is_not_done_because_of_any_other_reason(run: Run, certificate: Path, permit: SharedPermit) -> None:
    permits = many(permit, 2)
    unknown, other = ({"result": "KO", "reason": reason} for reason in ("RIGHT_UNKNOWN", "RIGHT_LOCKED"))

    found, _ = answers_to(run, certificate, permits, ("200 OK", results(permits, unknown, other)), removals=True)
    assert found == [None, (RejectedError, FailureCode.REQUEST_REFUSED, 200)]

    found, _ = answers_to(run, certificate, permits, ("200 OK", results(permits, unknown, {})))
    assert found == [(RejectedError, FailureCode.REQUEST_REFUSED, 200), None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        [],
        {},
        {"results": None},
        {"results": {}},
        {"results": [None]},
        {"results": [{"reference": "x", "result": "OK"}]},
        {"results": [{"row": True, "reference": "x", "result": "OK"}]},
        {"results": [{"row": "0", "reference": "x", "result": "OK"}]},
    ],
    ids=str,
)
def test_what_is_no_answer_to_a_batch_is_unclear(
    run: Run, certificate: Path, permit: SharedPermit, body: object
) -> None:
    assert answers_to(run, certificate, many(permit, 2), ("200 OK", body)) == ([UNREADABLE] * 2, 1)


def test_two_results_for_one_row_are_unclear(run: Run, certificate: Path, permit: SharedPermit) -> None:
    permits = many(permit, 2)
    twice = results(permits, {}, {"row": 0})

    assert answers_to(run, certificate, permits, ("200 OK", twice))[0] == [UNREADABLE] * 2


@pytest.mark.parametrize("status", ["400 Bad Request", "413 Payload Too Large", "422 Unprocessable Content"])
def test_each_way_to_refuse_a_batch_splits_it(run: Run, certificate: Path, permit: SharedPermit, status: str) -> None:
    first, second = many(permit, 2)
    done: Scripted = ("200 OK", results([first], {}))

    found, requests = answers_to(run, certificate, [first, second], (status, KO), done, (status, KO))

    assert found == [None, (RejectedError, FailureCode.REQUEST_REFUSED, int(status[:3]))]
    assert requests == 3


def test_splitting_ends_before_the_deadline_with_what_is_known(
    run: Run, certificate: Path, permit: SharedPermit
) -> None:
    permits = many(permit, 8)
    refused: Scripted = ("422 Unprocessable Content", KO)
    done: Scripted = ("200 OK", results(permits[:4], *[{}] * 4))

    # Eight are refused, the first four are done, the others are refused; then two hang.
    found, requests = answers_to(run, certificate, permits, refused, done, refused)

    unclear, not_sent = ((kind, FailureCode.TIMED_OUT, None) for kind in (UnclearError, NotSentError))
    assert found == [*[None] * 4, *[unclear] * 2, *[not_sent] * 2]
    assert requests == 4


def test_a_single_row_that_is_refused_whole_is_refused_for_its_reason(
    run: Run, certificate: Path, permit: SharedPermit
) -> None:
    refusal: Scripted = ("422 Unprocessable Content", {"result": "KO", "reason": "PLATE_FORMAT"})

    found, _ = answers_to(run, certificate, [permit], refusal)

    assert found == [(RejectedError, FailureCode.PLATE_REFUSED, 422)]


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Content"])
@pytest.mark.parametrize(
    "body", [b"<html>", {"message": "Bad Request"}, {"result": "KO"}, {"reason": "BATCH_REFUSED"}, []], ids=str
)
def test_a_refusal_in_other_words_refuses_nobody(
    run: Run, certificate: Path, permit: SharedPermit, status: str, body: object
) -> None:
    unclear = (UnclearError, FailureCode.ANSWER_UNREADABLE, int(status[:3]))

    assert answers_to(run, certificate, many(permit, 2), (status, body)) == ([unclear] * 2, 1)


def test_a_gateway_that_finds_a_batch_too_large_is_believed(run: Run, certificate: Path, permit: SharedPermit) -> None:
    first, second = many(permit, 2)
    page: Scripted = ("413 Payload Too Large", b"<html>")

    found, _ = answers_to(
        run, certificate, [first, second], page, ("200 OK", results([first], {})), ("200 OK", results([second], {}))
    )
    assert found == [None, None]

    found, _ = answers_to(run, certificate, [first, second], page, page)
    too_large = FailureCode.ANSWER_UNREADABLE
    assert found == [(UnclearError, too_large, 413), (NotSentError, too_large, 413)]


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "415 Unsupported Media Type"])
def test_a_request_that_is_wrong_itself_refuses_nobody(
    run: Run, certificate: Path, permit: SharedPermit, status: str
) -> None:
    not_sent = (NotSentError, FailureCode.REQUEST_REFUSED, int(status[:3]))

    assert answers_to(run, certificate, many(permit, 2), (status, KO)) == ([not_sent] * 2, 1)


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
def test_a_right_is_read_by_meaning_as_far_as_it_can_be(other: dict[str, object], expected: dict[str, None]) -> None:
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
