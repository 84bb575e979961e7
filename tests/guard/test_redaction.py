"""What a task was given, answers or raises shows to nobody who looks on."""

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
import redis.client

import worker.tasks.redaction  # noqa: F401 - connects what is tested here
from ops.embedded.servers import free_port
from tests.guard.harness import Worker, eventually
from tests.guard.poison import SECRET


@pytest.fixture
def events(worker: Worker) -> Iterator[redis.client.PubSub]:
    with worker.redis.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.psubscribe(f"{worker.prefix}/*.celeryev*")
        yield subscription


@pytest.fixture
def held(worker: Worker) -> Iterator[str]:
    """A task that runs for as long as the test does."""
    task_id = worker.send("probe.hold", SECRET)
    eventually(lambda: worker.redis.rpop(f"{worker.prefix}run.held"), "the task running")
    yield task_id
    worker.redis.lpush(f"{worker.prefix}release", 1)
    assert worker.answer(task_id) == SECRET
    worker.redis.delete(f"{worker.prefix}release")  # the test may have let it go itself


def _until(events: redis.client.PubSub, kind: str, task_id: str) -> str:
    """Return all that was sent as events up to this one, decoded."""
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


def test_flower_shows_no_arguments(worker: Worker, held: str) -> None:
    port = free_port()
    command = [sys.executable, "-m", "celery", "-A", "probe", "flower", "--address=127.0.0.1", f"--port={port}"]
    flower = subprocess.Popen(
        command,
        env=worker.environment | {"FLOWER_UNAUTHENTICATED_API": "true"},
        cwd=worker.log.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def page(path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    try:
        eventually(lambda: held in page("/api/workers?refresh=true&workername=guard@test"), "Flower at work", 20)
        other = worker.send("permit.cancel", SECRET)
        worker.redis.lpush(f"{worker.prefix}release", 1)
        eventually(lambda: '"SUCCESS"' in page(f"/api/task/info/{other}"), "a task on Flower's page")
        paths = ["/workers", "/worker/guard@test", "/tasks", f"/task/{other}", f"/api/task/info/{other}", "/api/tasks"]
        pages = {path: page(path) for path in (*paths, "/api/workers?refresh=true", "/broker")}
        assert all(pages.values()), [path for path, text in pages.items() if not text]
        assert other in pages["/api/tasks"]
        assert [path for path, text in pages.items() if SECRET in text] == []
    finally:
        flower.terminate()
        flower.wait(10)


def test_events_show_no_arguments_and_no_results(worker: Worker, events: redis.client.PubSub) -> None:
    task_id = worker.send("probe.hold", SECRET)
    worker.redis.lpush(f"{worker.prefix}release", 1)
    sent = _until(events, "task-succeeded", task_id)
    assert "task-received" in sent
    assert SECRET not in sent
    assert worker.answer(task_id) == SECRET


def test_an_error_that_quotes_data_shows_only_its_class(worker: Worker, events: redis.client.PubSub) -> None:
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
    task_id = worker.send("probe.hold", SECRET)
    worker.redis.lpush(f"{worker.prefix}release", 1)
    worker.answer(task_id)
    eventually(lambda: f"{task_id}] succeeded" in worker.logged(), "Celery's line about it")
    assert SECRET not in worker.logged()


def test_what_the_hub_sends_carries_no_readable_copy_of_its_arguments(worker: Worker) -> None:
    task_id = worker.send("probe.hold", SECRET, queue="nobody")
    sent = json.loads(worker.redis.rpop(f"{worker.prefix}nobody"))
    assert sent["headers"]["id"] == task_id
    assert SECRET not in json.dumps(sent["headers"])
