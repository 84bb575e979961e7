"""The client imports nothing of the hub: its copies of names and limits are compared with the hub's."""

import base64
import dataclasses
import json
from typing import Any
from uuid import uuid4

import permit_hub_client as client
import pytest
import redis
from celery import Celery
from jsonschema import Draft7Validator
from permit_hub_client import job as client_job
from permit_hub_client import message

from schemas import jobs, receipts
from schemas.asyncapi import asyncapi_document
from schemas.examples import EXAMPLES, JOB_ID, PERMIT_ID, RECEIPT
from schemas.validation import parse_job
from worker.tasks.broker.admission import Admission, RefusedMessage
from worker.tasks.broker.arguments import accepts


@pytest.fixture
def hub() -> client.Hub:
    return client.Hub("redis://127.0.0.1:1", source="tests")


def test_kinds_queues_and_limits_are_the_hubs() -> None:
    assert {kind: str(queue) for kind, queue in jobs.QUEUES.items()} == client_job.QUEUES
    assert client_job.MAX_JOB_BYTES == jobs.MAX_JOB_BYTES


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_hub_reads_the_clients_messages(hub: client.Hub, kind: str) -> None:
    own = {name: value for name, value in EXAMPLES[kind].items() if name not in jobs.Job.model_fields}
    job = hub.job(kind, **own)
    read = parse_job(kind, job.text)
    assert (read.job_id, read.source, read.schema_version) == (job.job_id, "tests", client_job.SCHEMA_VERSIONS[kind])


def test_a_receipt_has_every_field_that_the_hub_writes() -> None:
    def names(of: Any) -> set[str]:
        return {field.name for field in dataclasses.fields(of)} - {"applied"} | {"outcome"}

    assert names(client.Receipt) == set(receipts.Receipt.model_fields)
    assert names(client.RowResult) == set(receipts.RowResult.model_fields)
    receipt = client.Receipt.read(RECEIPT)
    assert (str(receipt.job_id), receipt.kind, receipt.applied, receipt.version) == (JOB_ID, "consent.decide", True, 7)


@pytest.mark.parametrize("outcome", receipts.Outcome)
def test_applied_and_refused_receipts_are_told_apart(outcome: receipts.Outcome) -> None:
    row: dict[str, object] = {"permit_id": PERMIT_ID, "outcome": outcome.value}
    receipt = client.Receipt.read(RECEIPT | {"outcome": outcome.value, "rows": [row]})
    assert receipt.rows is not None
    assert receipt.applied == receipt.rows[0].applied == (outcome is receipts.Outcome.APPLIED)


def _celerys_own(url: str, prefix: str, text: str) -> Any:
    """Return the list item that Celery itself writes for the example job."""
    with Celery("reference", broker=url, set_as_current=False, fixups=[]) as app:
        app.conf.broker_transport_options = {"global_keyprefix": prefix}
        with app.connection_for_write() as connection, connection.Producer() as producer:
            app.send_task("permit.renew", [text], task_id=JOB_ID, queue="jobs", producer=producer, ignore_result=False)
    with redis.Redis.from_url(url) as server:
        item = server.rpop(f"{prefix}jobs")
        server.delete(f"{prefix}_kombu.binding.jobs")
    assert isinstance(item, bytes)
    return json.loads(item)


def test_the_message_is_the_one_that_celery_writes(redis_url: str, redis_prefix: str, hub: client.Hub) -> None:
    job = hub.job("permit.renew", **EXAMPLES["permit.renew"])
    ours = json.loads(message.list_item(job.kind, job.job_id, [job.text], "jobs", "tests"))
    celerys = _celerys_own(redis_url, redis_prefix, job.text)
    for item in (ours, celerys):
        item["body"] = json.loads(base64.b64decode(item["body"]))
        del item["properties"]["delivery_tag"]
        del item["properties"]["reply_to"]  # read only by Celery's RPC result backend
        del item["headers"]["origin"]
        del item["headers"]["argsrepr"]
        del item["headers"]["kwargsrepr"]  # the hub redacts both where its tasks are loaded, so here, too
    assert ours["properties"] == celerys["properties"]
    assert ours["body"] == celerys["body"]
    assert ours["headers"] == {name: celerys["headers"][name] for name in ours["headers"]}
    left_out = celerys["headers"].keys() - ours["headers"].keys()
    assert not any(celerys["headers"][name] for name in left_out)


def test_the_message_is_the_one_that_the_asyncapi_document_describes(hub: client.Hub) -> None:
    document: Any = asyncapi_document()
    job = hub.job("permit.renew", **EXAMPLES["permit.renew"])
    item = json.loads(message.list_item(job.kind, job.job_id, [job.text], "jobs", "tests"))
    Draft7Validator(document["components"]["schemas"]["ListItem"]).validate(item)
    Draft7Validator(document["components"]["messages"]["permit.renew"]["headers"]).validate(item["headers"])
    address = document["channels"]["receipts"]["address"]
    assert address.replace("{job_id}", JOB_ID) == "permit-hub:" + message.result_name(job.job_id)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_hubs_guard_accepts_the_message(hub: client.Hub, kind: str) -> None:
    def run(argument: str) -> None: ...

    queue = client_job.QUEUES[kind]
    item = message.list_item(kind, uuid4(), ["r-1"], queue, "tests")
    admitted = Admission({kind: accepts(run, {queue})}, b"key").admit(item.encode(), queue)
    assert not isinstance(admitted, RefusedMessage)


def test_listed_tasks_show_no_argument(hub: client.Hub) -> None:
    job = hub.job("resident.export", resident_id="r-secret")
    headers = json.loads(message.list_item(job.kind, job.job_id, [job.text], "bulk", "tests"))["headers"]
    assert "r-secret" not in json.dumps(headers)
