"""The city's hub: answers that the sandbox never gives."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from integrations.city_hub.adapter import Access, CityHub
from integrations.errors import FailureCode, ProviderError, RejectedError, UnclearError
from schemas.shared import SharedPermit
from tests.integrations.city_hub import PARIS, kinds, permit, put, removal
from tests.integrations.conftest import Run
from tests.integrations.scripted import answering, reply

NEW = [permit() for _ in range(5)]
SERIES = {"id": 3, "created_at": "2024-01-01T00:00:00Z", "modified_at": "2024-01-01T00:00:00Z", "active": True}
KNOWN = ("200 OK", {"count": 1, "next": None, "previous": None, "results": [SERIES]})
STILL = ("200 OK", SERIES)

Script = tuple[tuple[str, object], ...]


def told(wanted: SharedPermit) -> dict[str, object]:
    """Return a permit in their format."""
    span = {"end_time": "2024-10-27T23:00:00+00:00", "start_time": "2024-03-30T23:00:00+00:00"}
    return {
        "id": 1,
        "series": 3,
        "external_id": str(wanted.reference),
        "subjects": [{**span, "registration_number": wanted.plate}],
        "areas": [{"area": area, **span} for area in wanted.zones or ()],
        "properties": None,
        "domain": "PAR",
    }


def asked(run: Run, question: Callable[[CityHub], Awaitable[Any]], *script: tuple[str, object]) -> Any:
    """Run a call against these answers and return its result; every answer is used."""

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        status, body = script[number]
        writer.write(reply(status, json.dumps(body).encode()))

    async def scenario() -> Any:
        async with answering(respond) as server:
            url = f"http://127.0.0.1:{server.port}"
            access = Access(url=url, key="a-key-that-is-long-enough", domain="PAR", development=True)
            adapter = CityHub(access, zone=PARIS, connections=4)
            try:
                return await question(adapter)
            finally:
                await adapter.aclose()
                assert len(server.requests) == len(script)

    return run(scenario())


def created(run: Run, *script: tuple[str, object]) -> list[ProviderError | None]:
    """Return the outcomes of a batch of new permits."""

    async def create(adapter: CityHub) -> list[ProviderError | None]:
        return list(await adapter.send_all([put(each, 1) for each in NEW]))

    ended: list[ProviderError | None] = asked(run, create, KNOWN, *script)
    return ended


def test_a_row_missing_from_the_answer_is_unclear(run: Run) -> None:
    ended = created(run, ("201 Created", [told(each) for each in NEW[:-1]]), STILL)

    assert kinds(ended[:-1]) == {None}
    assert kinds(ended[-1:]) == {(UnclearError, FailureCode.ROW_MISSING)}


def test_a_row_that_differs_from_the_request_is_unclear(run: Run) -> None:
    rows = [told(replace(NEW[0], plate="WW123AA")), *(told(each) for each in NEW[1:])]

    ended = created(run, ("201 Created", rows), STILL)

    assert kinds(ended[:1]) == {(UnclearError, FailureCode.ANSWER_UNREADABLE)}
    assert kinds(ended[1:]) == {None}


def test_faults_keyed_by_row_number_are_read(run: Run) -> None:
    faults = {"1": {"areas": ["Unknown identifiers: 99X"]}}

    ended = created(run, ("400 Bad Request", faults), ("201 Created", [told(each) for each in NEW]), STILL)

    assert kinds([ended.pop(1)]) == {(RejectedError, FailureCode.ZONE_UNKNOWN)}
    assert kinds(ended) == {None}


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param({"detail": "JSON parse error"}, id="of the whole"),
        pytest.param([{}] * 5, id="of no row"),
        pytest.param([{"areas": ["…"]}] * 4, id="of another list"),
        pytest.param({"7": {"areas": ["…"]}}, id="of a row that was not sent"),
        pytest.param("no", id="of nothing"),
    ],
)
def test_a_refusal_without_rows_rejects_no_permit(run: Run, refusal: object) -> None:
    assert kinds(created(run, ("400 Bad Request", refusal))) == {(UnclearError, FailureCode.ANSWER_UNREADABLE)}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([("404 Not Found", {"error": "no such tenant"})], id="404 in other words"),
        pytest.param([("200 OK", None)], id="nothing"),
        pytest.param([("200 OK", {"count": 0})], id="something else"),
        pytest.param([("200 OK", told(replace(NEW[0], zones=("14A",))))], id="other zones"),
        pytest.param([("200 OK", told(NEW[1]))], id="another permit"),
        pytest.param([("404 Not Found", {"detail": ""}), ("404 Not Found", [])], id="404 in other words to the POST"),
    ],
)
def test_an_answer_that_does_not_confirm_a_put_is_unclear(run: Run, script: Script) -> None:
    async def put_one(adapter: CityHub) -> ProviderError:
        with pytest.raises(UnclearError) as caught:
            await adapter.send(put(NEW[0], 2))
        return caught.value

    assert asked(run, put_one, *script).code == FailureCode.ANSWER_UNREADABLE


ANOTHERS = {"count": 1, "next": None, "results": [told(NEW[1])]}  # as if the server ignored the query


@pytest.mark.parametrize(
    "answer", [("404 Not Found", {"error": "no such tenant"}), ("200 OK", {"count": 0}), ("200 OK", ANOTHERS)]
)
def test_an_answer_that_does_not_confirm_a_removal_is_unclear(run: Run, answer: tuple[str, object]) -> None:
    async def remove_one(adapter: CityHub) -> ProviderError:
        with pytest.raises(UnclearError) as caught:
            await adapter.send(removal(NEW[0], 2))
        return caught.value

    assert asked(run, remove_one, answer).code == FailureCode.ANSWER_UNREADABLE


@pytest.mark.parametrize(
    "page",
    [
        [],
        {"count": 1},
        {"count": 1, "next": None, "results": [1]},
        {"count": "1", "next": None, "results": []},
        {"count": 300, "next": "http://elsewhere.invalid/?page=2", "results": []},
    ],
)
def test_an_unreadable_page_is_unclear(run: Run, page: object) -> None:
    async def list_first(adapter: CityHub) -> ProviderError:
        with pytest.raises(UnclearError) as caught:
            await adapter.page(None)
        return caught.value

    assert asked(run, list_first, ("200 OK", page)).code == FailureCode.ANSWER_UNREADABLE
