"""Arguments, answers and errors of a task show nowhere."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
import redis.client

import worker.tasks.process.redaction  # noqa: F401 - connects what is tested here
from tests.guard.harness import Raw, Worker
from tests.guard.poison import EMBED, SECRET
from tests.support.waiting import eventually

OPEN = Raw(
    task="probe.hold",
    body=[[SECRET], {}, EMBED],
    headers={"argsrepr": SECRET, "kwargsrepr": SECRET, "shadow": SECRET, "origin": SECRET, "root_id": SECRET},
)
"""A message with the secret in every header that could show it."""


@pytest.fixture
def events(worker: Worker) -> Iterator[redis.client.PubSub]:
    with worker.redis.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
        subscription.psubscribe(f"{worker.prefix}/*.celeryev*")
        yield subscription


def _until(events: redis.client.PubSub, kind: str, task_id: str) -> str:
    """Return all events sent up to this one, decoded."""
    seen: list[str] = []

    def arrived() -> bool:
        message = events.get_message()
        if message is None:
            return False
        envelope = json.loads(message["data"])
        bodies = json.loads(base64.b64decode(envelope["body"]))
        seen.append(json.dumps([envelope["headers"], bodies]))
        found = bodies if isinstance(bodies, list) else [bodies]
        return any(body.get("type") == kind and body.get("uuid") == task_id for body in found)

    eventually(arrived, kind)
    return "\n".join(seen)


def test_inspect_shows_no_arguments(worker: Worker, held: str) -> None:
    inspect = worker.app.control.inspect(timeout=2, limit=1)
    active = inspect.active()["guard@test"]
    assert [task["id"] for task in active] == [held]
    answers = [active, inspect.query_task(held), inspect.reserved(), inspect.scheduled(), inspect.stats()]
    assert SECRET not in json.dumps(answers)
    assert worker.environment["PERMIT_HUB_REDIS_URL"].split(":")[2].split("@")[0] not in json.dumps(inspect.conf())


def test_events_show_no_arguments_and_no_results(worker: Worker, events: redis.client.PubSub) -> None:
    worker.push(OPEN.item())
    worker.release(OPEN.id)
    sent = _until(events, "task-succeeded", OPEN.id)
    assert "task-received" in sent
    assert SECRET not in sent
    assert worker.answer(OPEN.id) == SECRET


def test_an_error_with_data_in_its_text_shows_only_its_class(worker: Worker, events: redis.client.PubSub) -> None:
    logged = len(worker.logged())
    task_id = worker.send("probe.fail", SECRET)
    sent = _until(events, "task-failed", task_id)
    meta = worker.meta(task_id)
    assert meta is not None
    assert meta["result"]["exc_message"] == ["ValueError"]
    log = worker.logged()[logged:]
    assert "task.failed" in log
    assert '"ValueError"' in log
    assert [text for text in (sent, json.dumps(meta), log) if SECRET in text] == []


def test_logs_show_neither_arguments_nor_results(worker: Worker) -> None:
    again = replace(OPEN, id=str(uuid4()))
    worker.push(again.item())
    worker.release(again.id)
    worker.answer(again.id)
    assert SECRET not in worker.logged()


def test_messages_of_the_hub_carry_no_readable_copy_of_their_arguments(worker: Worker) -> None:
    task_id = worker.send("probe.hold", SECRET, queue="nobody")
    popped = worker.redis.rpop(f"{worker.prefix}nobody")
    assert isinstance(popped, bytes)
    sent = json.loads(popped)
    assert sent["headers"]["id"] == task_id
    assert SECRET not in json.dumps(sent["headers"])
