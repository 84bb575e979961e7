"""Results are stored and announced with one exchange, and a failure never replaces a success."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery import Celery, states

from tests.support.waiting import eventually
from worker.tasks.process.results import ReceiptBackend

PREFIX = "results:"


@pytest.fixture
def backend(redis_url: str) -> Iterator[ReceiptBackend]:
    options = {"global_keyprefix": PREFIX}
    where = f"{ReceiptBackend.__module__}:{ReceiptBackend.__name__}+{redis_url}"
    with Celery("results", backend=where, set_as_current=False, fixups=[]) as app:
        app.conf.update(result_backend_transport_options=options, result_expires=600)
        assert isinstance(app.backend, ReceiptBackend)
        yield app.backend


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def stored(server: redis.Redis, task_id: str) -> Any:
    text = server.get(f"{PREFIX}celery-task-meta-{task_id}")
    assert isinstance(text, bytes)
    return json.loads(text)


def test_a_result_is_stored_for_ten_minutes_and_announced(backend: ReceiptBackend, server: redis.Redis) -> None:
    task_id = str(uuid4())
    key = f"{PREFIX}celery-task-meta-{task_id}"
    with server.pubsub() as listening:  # type: ignore[no-untyped-call]
        listening.subscribe(key)
        backend.store_result(task_id, {"outcome": "applied"}, states.SUCCESS)
        heard: list[dict[str, Any]] = []

        def announced() -> bool:
            message = listening.get_message(timeout=1)
            if message is not None:
                heard.append(message)
            return bool(heard) and heard[-1]["type"] == "message"

        eventually(announced, "the announcement")
        assert json.loads(heard[-1]["data"]) == stored(server, task_id)
    found = stored(server, task_id)
    assert (found["status"], found["result"], found["task_id"]) == ("SUCCESS", {"outcome": "applied"}, task_id)
    ttl = server.ttl(key)
    assert isinstance(ttl, int)
    assert 590 < ttl <= 600


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # Celery's own backend calls it
def test_the_same_result_is_stored_as_by_celerys_own_backend(
    backend: ReceiptBackend, server: redis.Redis, redis_url: str
) -> None:
    ours, theirs = str(uuid4()), str(uuid4())
    backend.store_result(ours, True, states.SUCCESS)
    with Celery("reference", backend=redis_url, set_as_current=False, fixups=[]) as app:
        app.conf.result_backend_transport_options = {"global_keyprefix": PREFIX}
        app.backend.store_result(theirs, True, states.SUCCESS)
    moments = {"date_done": None, "task_id": None}
    assert stored(server, ours) | moments == stored(server, theirs) | moments


def test_a_failure_never_replaces_a_success(backend: ReceiptBackend, server: redis.Redis) -> None:
    task_id = str(uuid4())
    backend.store_result(task_id, RuntimeError(), states.FAILURE)
    assert stored(server, task_id)["status"] == "FAILURE"
    backend.store_result(task_id, "first", states.SUCCESS)
    backend.store_result(task_id, "second", states.SUCCESS)
    backend.store_result(task_id, RuntimeError(), states.FAILURE)
    assert (stored(server, task_id)["status"], stored(server, task_id)["result"]) == ("SUCCESS", "second")


def test_a_success_reads_nothing_before_it_is_stored(
    backend: ReceiptBackend, server: redis.Redis, redis_url: str
) -> None:
    task_id = str(uuid4())
    with server.monitor() as watched:  # type: ignore[no-untyped-call]
        backend.store_result(task_id, True, states.SUCCESS)
        server.set("results:end", task_id)
        commands = []
        while "results:end" not in (command := str(watched.next_command()["command"])):
            if task_id in command:
                commands.append(command.split()[0])
    assert commands == ["SET", "PUBLISH"]
