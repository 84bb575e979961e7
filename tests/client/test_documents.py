"""The client's types of documents have exactly the fields that the hub writes."""

import json
from datetime import date
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict
from uuid import UUID, uuid4

import permit_hub_client as client
import pytest
import redis
from permit_hub_client import calls, message
from pydantic import AwareDatetime, BaseModel

from schemas import catalogue, events, history, plate_read, space
from schemas.asyncapi import asyncapi_document
from schemas.asyncapi_messages import ASKED, MAKE_CATALOGUE, MAKE_HISTORY, PUBLISH_SPACE, READ_PLATE
from schemas.examples import CATALOGUE, EVENT, EXPORT, HISTORY, SPACE
from worker.tasks.broker.admission import Admission, RefusedMessage
from worker.tasks.broker.arguments import accepts


def _in_json(hint: Any) -> Any:
    """Return the JSON form of a type of the client or the hub, so that the two can be compared."""
    origin, parts = get_origin(hint), get_args(hint)
    if is_typeddict(hint) or (isinstance(hint, type) and issubclass(hint, BaseModel)):
        fields = hint.model_fields if not is_typeddict(hint) else hint.__annotations__
        return {name: _in_json(get_type_hints(hint, include_extras=True)[name]) for name in fields}
    if origin in (Annotated, NotRequired):
        return _in_json(parts[0])
    if origin in (UnionType, Union):
        return {repr(_in_json(part)) for part in parts}
    if origin in (list, tuple):
        return [_in_json(parts[0])]
    if origin is dict:
        return {"any key": _in_json(parts[1])}
    if origin is Literal or issubclass(hint, StrEnum):
        return f"one of {sorted(map(str, parts or hint))}"
    assert hint in (str, UUID, date, AwareDatetime, int, bool, NoneType), hint
    return hint if hint in (int, bool, NoneType) else str


@pytest.mark.parametrize(
    ("typed", "modelled"),
    [
        (client.Space, space.Space),
        (client.History, history.History),
        (client.Catalogue, catalogue.Catalogue),
        (client.PlateRead, plate_read.PlateRead),
        (client.EventData, events.EventData),
    ],
)
def test_documents_have_every_field_that_the_hub_writes(typed: Any, modelled: type[BaseModel]) -> None:
    assert _in_json(typed) == _in_json(modelled)


def test_an_event_has_every_field_that_the_hub_writes() -> None:
    ours, hubs = _in_json(client.Event), _in_json(events.Event)
    assert ours.keys() == hubs.keys() == EVENT.keys()
    assert set(get_args(client.EventType)) == set(events.EventType)


def test_the_documents_are_where_the_asyncapi_document_says(redis_url: str, redis_prefix: str) -> None:
    channels: Any = asyncapi_document()["channels"]

    def put(channel: str, value: object, **ids: object) -> None:
        key = channels[channel]["address"].removeprefix("permit-hub:").format(**ids)
        server.set(redis_prefix + key, json.dumps(value))

    with redis.Redis.from_url(redis_url) as server, client.Hub(redis_url, source="tests", prefix=redis_prefix) as hub:
        job = hub.job("resident.export", resident_id="r-1001")
        put("space", SPACE, resident_id="r-1001")
        put("catalogue", CATALOGUE)
        put("export", EXPORT, job_id=job.job_id)
        assert hub.space("r-1001", wait=0) == SPACE
        assert hub.catalogue(wait=0) == CATALOGUE
        assert hub.export(job) == EXPORT


def test_histories_and_plates_are_where_the_asyncapi_document_says(redis_url: str, redis_prefix: str) -> None:
    for name in ("history", "plate"):
        address: Any = asyncapi_document()["channels"][name]["address"]  # type: ignore[index, call-overload]
        before, _, after = address.removeprefix("permit-hub:").partition("{task_id}")
        assert (before, after) == (f"{name}:", "")
    assert HISTORY.keys() == client.History.__annotations__.keys()


@pytest.mark.parametrize(
    ("task", "ours", "argument"),
    [
        (PUBLISH_SPACE, calls.SPACE_TASK, "r-1001"),
        (MAKE_HISTORY, calls.HISTORY_TASK, "r-1001"),
        (MAKE_CATALOGUE, calls.CATALOGUE_TASK, None),
        (READ_PLATE, calls.PLATE_TASK, '{"raw":"B-NO 1","country":"DE"}'),
    ],
)
def test_documents_are_asked_for_by_the_hubs_tasks(task: str, ours: str, argument: str | None) -> None:
    def of_text(text: str) -> None: ...
    def without_argument() -> None: ...

    assert ours == task
    run = without_argument if argument is None else of_text
    item = message.list_item(ours, uuid4(), argument, "jobs", "tests")
    admitted = Admission({task: accepts(run, {"jobs"})}, b"key").admit(item.encode(), "jobs")
    assert not isinstance(admitted, RefusedMessage)


def test_the_client_knows_every_document_of_the_hub() -> None:
    assert {calls.SPACE_TASK, calls.HISTORY_TASK, calls.CATALOGUE_TASK, calls.PLATE_TASK} == set(ASKED)
