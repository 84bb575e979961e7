"""The client's types of documents have exactly the fields that the hub writes."""

import json
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any
from uuid import uuid4

import permit_hub_client as client
import pytest
import redis
from permit_hub_client import calls, documents, message

from schemas.asyncapi import asyncapi_document
from schemas.asyncapi_messages import ASKED, MAKE_CATALOGUE, MAKE_HISTORY, PUBLISH_SPACE, READ_PLATE
from schemas.examples import CATALOGUE, EXPORT, SPACE
from worker.tasks.broker.admission import Admission, RefusedMessage
from worker.tasks.broker.arguments import accepts

ROOT = Path(__file__).parents[2]


def test_the_typed_documents_are_what_the_hubs_schemas_make() -> None:
    check = subprocess.run(
        [Path(sys.executable).parent / "datamodel-codegen", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert check.returncode == 0, f"run `make schemas`\n{check.stdout}{check.stderr}"


def test_every_typed_document_is_a_public_name_of_the_client() -> None:
    written = {name for name in vars(documents) if not name.startswith("_")} - vars(typing).keys()
    assert {"Space", "EventType"} <= written <= set(client.__all__)


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
    item = message.list_item(ours, uuid4(), [] if argument is None else [argument], "jobs", "tests")
    admitted = Admission({task: accepts(run, {"jobs"})}, b"key").admit(item.encode(), "jobs")
    assert not isinstance(admitted, RefusedMessage)


def test_the_client_knows_every_document_of_the_hub() -> None:
    assert {calls.SPACE_TASK, calls.HISTORY_TASK, calls.CATALOGUE_TASK, calls.PLATE_TASK} == set(ASKED)
