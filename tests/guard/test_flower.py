"""Flower and its log show events of the hub's workers, rebuilt from a white list, and nothing else."""

import base64
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from ops.embedded.servers import free_port
from tests.guard.harness import HASH_KEY, Worker
from tests.guard.poison import SECRET
from tests.support.waiting import eventually
from worker.tasks.broker.events import HIDDEN, SHOWN, rebuild, seal
from worker.tasks.broker.message import REDACTED

CHANNEL = "/0.celeryev/{}"
KEY = HASH_KEY.encode()
NODE = "guard@test"
TASKS = {"permit.cancel"}
NINES = b"9" * 4_300


@dataclass
class Flower:
    """A running Flower."""

    port: int
    log: Path

    def page(self, path: str) -> str:
        """Return a page; empty if there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def shown(self, task: str | None = None) -> dict[str, str]:
        """Return its pages about workers and tasks."""
        paths = [
            "/api/workers?refresh=true",
            "/api/tasks",
            "/workers",
            f"/worker/{NODE}",
            "/tasks",
            "/broker",
            "/metrics",
        ]
        paths += [] if task is None else [f"/task/{task}", f"/api/task/info/{task}"]
        return {path: self.page(path) for path in paths}


@pytest.fixture(scope="module")
def flower(worker: Worker) -> Iterator[Flower]:
    running = Flower(free_port(), worker.log.parent / "flower.log")
    command = [sys.executable, "-m", "celery", "-A", "probe_flower", "flower"]
    command += ["--address=127.0.0.1", f"--port={running.port}"]
    with running.log.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=worker.environment | {"FLOWER_UNAUTHENTICATED_API": "true"},
            cwd=worker.log.parent,
            stdout=log,
            stderr=log,
        )
        try:
            eventually(
                lambda: NODE in running.page("/api/workers?refresh=true"), "Flower knowing the worker", seconds=90
            )
            yield running
        finally:
            process.terminate()
            process.wait(10)


def test_flower_shows_no_arguments(worker: Worker, flower: Flower, held: str) -> None:
    eventually(lambda: held in flower.page("/api/workers?refresh=true&workername=guard@test"), "the running task")
    running = {path: flower.page(path) for path in ("/api/workers?refresh=true", "/worker/guard@test", "/api/tasks")}
    worker.release(held)
    worker.answer(held)
    sent: list[str] = []

    def knows_one() -> str | None:
        """Send until one is seen: Flower misses events from before it listens."""
        sent.append(worker.send("permit.cancel", SECRET))
        worker.answer(sent[-1])
        return next((each for each in sent if '"SUCCESS"' in flower.page(f"/api/task/info/{each}")), None)

    eventually(knows_one, "a task on Flower's page")
    ended = knows_one()
    assert ended is not None
    paths = ("/workers", "/worker/guard@test", "/tasks", f"/task/{ended}", f"/api/task/info/{ended}", "/api/tasks")
    pages = {path: flower.page(path) for path in (*paths, "/broker")}
    assert ended in pages["/api/tasks"]
    assert held in running["/worker/guard@test"]
    for shown in (running, pages):
        assert [path for path, text in shown.items() if not text or SECRET in text] == []


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "hostname": NODE,
        "timestamp": time.time(),
        "utcoffset": 0,
        "pid": 17,
        "clock": 5,
        "uuid": str(uuid4()),
        **fields,
    }


def message(*events: object, **headers: Any) -> bytes:
    """Return events as a worker publishes them, with its seal."""
    body = base64.b64encode(json.dumps([*events]).encode()).decode()
    properties = {"delivery_mode": 1, "delivery_info": {"exchange": "celeryev", "routing_key": "task.multi"}}
    properties |= {"priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid4())}
    envelope: dict[str, object] = {"body": body, "content-encoding": "utf-8", "content-type": "application/json"}
    envelope |= {"headers": {"hostname": NODE, "seal": seal(NODE, KEY)} | headers, "properties": properties}
    return json.dumps(envelope).encode()


def rebuilt(data: bytes) -> list[dict[str, Any]]:
    built = rebuild(data, KEY, TASKS)
    assert built is not None
    read: list[dict[str, Any]] = json.loads(base64.b64decode(json.loads(built)["body"]))
    return read


BOASTFUL = dict.fromkeys(
    ("args", "kwargs", "result", "exception", "traceback", "name", "queue", "routing_key", "exchange", "x", "eta"),
    SECRET,
) | dict.fromkeys(("root_id", "parent_id", "sw_ident", "sw_ver", "sw_sys", "freq", "active", "loadavg"), SECRET)


@pytest.mark.parametrize("kind", SHOWN)
def test_an_event_shows_only_ids_numbers_and_the_hubs_words(kind: str) -> None:
    told = event(kind, **BOASTFUL)
    (shown,) = rebuilt(message(told))
    ids = {"uuid": told["uuid"]} if kind.startswith("task-") else {}
    kept = {name: told[name] for name in ("type", "hostname", "timestamp", "utcoffset", "pid")}
    assert shown == kept | ids | dict.fromkeys(HIDDEN.get(kind, ()), REDACTED)


def test_a_workers_event_keeps_the_fields_that_operators_read() -> None:
    beat = event("worker-heartbeat", freq=2.0, active=1, processed=7, loadavg=[0.5, 1, 2.25], sw_ident="py-celery")
    beat |= {"sw_ver": "5.7.0", "sw_sys": "Linux"}
    own_id = str(uuid4())
    received = event("task-received", name="permit.cancel", root_id=own_id, parent_id=None, retries=0)
    ended = event("task-succeeded", runtime=0.25)
    first, second, third = rebuilt(message(beat, received, ended))
    assert first == {name: value for name, value in beat.items() if name not in ("clock", "uuid")}
    assert (second["name"], second["root_id"], second["retries"]) == ("permit.cancel", own_id, 0)
    assert third["runtime"] == 0.25


RUBBISH = {
    "not JSON": SECRET.encode(),
    "not UTF-8": b"\xff\xfe" + SECRET.encode(),
    "a list": json.dumps([SECRET]).encode(),
    "nested deep": b"[" * 100_000,
    "an object": json.dumps({"headers": SECRET}).encode(),
    "no headers": json.dumps({"body": SECRET}).encode(),
    "without a seal": message(event("task-received", name="permit.cancel"), seal=None),
    "with a seal of another name": message(event("task-received"), hostname=f"{SECRET}@x"),
    "with a seal of text": message(event("task-received"), seal=SECRET),
    "with a seal of another alphabet": message(event("task-received"), seal="é"),
    "text for an event": message(SECRET),
    "without a type": message({"hostname": NODE, "uuid": SECRET}),
    "many containers": message(*([[]] * 5_000)),
}
NOT_SHOWN = {
    "sent by a web app": event("task-sent", name="permit.cancel", args=SECRET),
    "of a type of its own": event(f"task-{SECRET}"),
    "of a type that is a list": event([SECRET]),  # type: ignore[arg-type]
    "of another worker": event("task-received", hostname=f"{SECRET}@x"),
    "of a task without its id": event("task-started", uuid=SECRET),
    "at no time": event("worker-heartbeat", timestamp=SECRET),
    "at the end of time": event("worker-heartbeat", timestamp=1e300),
    "at infinity": event("worker-heartbeat", timestamp=float("inf")),
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH.keys())
def test_an_event_that_no_worker_sends_is_dropped(data: bytes) -> None:
    assert rebuild(data, KEY, TASKS) is None


@pytest.mark.parametrize("told", NOT_SHOWN.values(), ids=NOT_SHOWN.keys())
def test_a_field_that_no_worker_sends_is_left_out(told: dict[str, Any]) -> None:
    assert rebuilt(message(told)) == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
)
FIELDS = st.sampled_from(
    [*BOASTFUL, "uuid", "hostname", "timestamp", "pid", "utcoffset", "clock", "runtime", "retries"]
)


@given(st.sampled_from([*SHOWN]), st.dictionaries(FIELDS, ANYTHING))
def test_no_text_of_the_sender_gets_through(kind: str, fields: dict[str, Any]) -> None:
    ours = {kind, NODE, REDACTED, "permit.cancel", "py-celery", "Linux", "Darwin"}
    for shown in rebuilt(message(event(kind, **fields))):
        texts = {name: value for name, value in shown.items() if isinstance(value, str) and value not in ours}
        assert texts.keys() <= {"uuid", "root_id", "parent_id", "sw_ver"}
        assert all(set(text) <= set("0123456789abcdefghijklmnopqrstuvwxyz.-") for text in texts.values())


def test_flower_and_its_log_show_no_text_of_a_sender(worker: Worker, flower: Flower) -> None:
    for data in (*RUBBISH.values(), *map(message, NOT_SHOWN.values()), message(event("task-failed", **BOASTFUL))):
        for key in ("task.multi", "worker.heartbeat", "task.sent"):
            worker.redis.publish(worker.prefix + CHANNEL.format(key), data)
    broken = message(event("worker-heartbeat")).replace(b'"hostname": "guard@test"', b'"clock": ' + NINES, 1)
    worker.redis.publish(worker.prefix + CHANNEL.format("worker.heartbeat"), broken)
    last = event("task-received", name="permit.cancel")
    worker.redis.publish(worker.prefix + CHANNEL.format("task.multi"), message(last))
    eventually(lambda: last["uuid"] in flower.page("/api/tasks"), "an honest event after all of it")
    shown = flower.shown(last["uuid"])
    assert [path for path, text in shown.items() if SECRET in text or not text] == []
    log = flower.log.read_text()
    assert SECRET not in log
    assert "Traceback" not in log


def test_task_sent_events_of_a_web_app_are_not_shown(worker: Worker, flower: Flower) -> None:
    app = Celery("web-app", broker=worker.environment["PERMIT_HUB_REDIS_URL"], set_as_current=False)
    app.conf.update(broker_transport_options={"global_keyprefix": worker.prefix}, task_send_sent_event=True)
    refused = str(uuid4())
    app.send_task("permit.cancel", args=[SECRET], kwargs={"name": SECRET}, queue="jobs", task_id=refused)
    taken = str(uuid4())
    app.send_task("permit.cancel", args=[SECRET], queue="jobs", task_id=taken)
    app.close()
    assert worker.answer(taken) == len(SECRET)
    eventually(lambda: taken in flower.page("/api/tasks"), "the task that ran")
    shown = flower.shown(taken)
    assert [path for path, text in shown.items() if SECRET in text] == []
    assert refused not in shown["/api/tasks"]
    worker.refusals()


def test_an_unprintable_clock_does_not_stop_flowers_inspection(worker: Worker, flower: Flower) -> None:
    for queue in worker.redis.scan_iter(f"{worker.prefix}_kombu.binding.reply.*"):
        for binding in worker.redis.smembers(queue):
            assert isinstance(binding, bytes)
            name = binding.split(b"\x06\x16")[-1].decode()
            reply = message({NODE: {"ok": SECRET}}, ticket=str(uuid4()))
            worker.redis.lpush(
                worker.prefix + name, reply.replace(b'"hostname"', b'"clock": ' + NINES + b', "hostname"', 1)
            )
    before = worker.redis.pubsub_numpat()
    assert before
    eventually(lambda: NODE in flower.page("/api/workers?refresh=true"), "an answer")
    assert SECRET not in "".join(flower.shown().values())
