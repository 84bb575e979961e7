"""Results are stored and announced with one exchange, and nothing replaces a success."""

import json
from collections.abc import Callable, Iterator
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


@pytest.fixture
def task_id() -> str:
    return str(uuid4())


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


@pytest.fixture
def announced(server: redis.Redis, task_id: str) -> Iterator[Callable[[], list[Any]]]:
    with server.pubsub() as listening:  # type: ignore[no-untyped-call]
        listening.subscribe(f"{PREFIX}celery-task-meta-{task_id}")
        heard: list[Any] = []

        def results() -> list[Any]:
            while (message := listening.get_message(timeout=0.1)) is not None:
                if message["type"] == "message":
                    heard.append(json.loads(message["data"])["result"])
            return heard

        yield results


def test_nothing_replaces_a_success_which_is_announced_again(
    backend: ReceiptBackend, server: redis.Redis, task_id: str, announced: Callable[[], list[Any]]
) -> None:
    backend.store_result(task_id, RuntimeError(), states.FAILURE)
    assert stored(server, task_id)["status"] == "FAILURE"
    backend.store_result(task_id, {"status": "first"}, states.SUCCESS)
    backend.store_result(task_id, "second", states.SUCCESS)
    backend.store_result(task_id, RuntimeError(), states.FAILURE)
    found = stored(server, task_id)
    assert (found["status"], found["result"]) == ("SUCCESS", {"status": "first"})
    eventually(lambda: announced()[1:], "the announcements", equals=[{"status": "first"}] * 3)


def test_a_result_that_says_success_of_something_else_is_replaced(
    backend: ReceiptBackend, server: redis.Redis, task_id: str
) -> None:
    for text in ("", "no JSON", '["SUCCESS"]', '"SUCCESS"', '{"result": {"status": "SUCCESS"}}'):
        server.set(f"{PREFIX}celery-task-meta-{task_id}", text)
        backend.store_result(task_id, text, states.SUCCESS)
        assert stored(server, task_id)["result"] == text


def test_a_result_is_stored_in_one_exchange(backend: ReceiptBackend, server: redis.Redis, task_id: str) -> None:
    backend.store_result(str(uuid4()), True, states.SUCCESS)  # loads the script
    with server.monitor() as watched:  # type: ignore[no-untyped-call]
        backend.store_result(task_id, True, states.SUCCESS)
        server.set("results:end", task_id)
        commands = []
        while "results:end" not in (seen := watched.next_command())["command"]:
            if task_id in seen["command"] and seen["client_type"] != "lua":
                commands.append(seen["command"].split()[0])
    assert commands == ["EVALSHA"]
