"""Which queues have a worker in `permit-hub status`: each missing worker is named, without a false alarm."""

import base64
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from permit_hub_client import Hub, ReceiptTimeout

from integrations.registry import ADAPTERS
from ops import served
from ops.embedded.children.program import Program
from ops.embedded.children.supervise import Supervisor
from ops.embedded.programs import FOLDER
from tests.support.city import (
    PermitHub,
)
from tests.support.waiting import eventually

QUEUES = {
    "consent",
    "urgent",
    "jobs",
    "bulk",
    "calendar",
    "remind",
    "upkeep",
    *(f"deliver.{name}" for name in ADAPTERS),
}
LONG = 60  # seconds; none of it is spent where workers answer
SHORT = 0.5


@dataclass
class Deployment:
    """One worker that takes from all queues, and its lines in `status`."""

    permit_hub: PermitHub
    supervisor: Supervisor

    def asked(self, wait: float) -> dict[str, Any]:
        ended = self.permit_hub("status", "--json", "--wait", wait)
        assert ended.returncode == 0, ended.stderr
        told: dict[str, Any] = json.loads(ended.stdout)
        return told


@pytest.fixture
def deployment(hub_environment: dict[str, str], permit_hub: PermitHub, tmp_path: Path) -> Iterator[Deployment]:
    worker = (sys.executable, "-m", "celery", "--app", "worker.app", "worker", "--concurrency=1")
    program = Program("worker", (*worker, f"--queues={','.join(QUEUES)}"), os.environ | hub_environment, FOLDER, bool)
    supervisor = Supervisor(tmp_path)
    supervisor.launch(program)
    yield Deployment(partial(permit_hub, **hub_environment), supervisor)
    supervisor.stop()


def waiting(hub_environment: dict[str, str], queue: str) -> int:
    with redis.Redis.from_url(hub_environment["PERMIT_HUB_REDIS_URL"]) as client:
        return int(client.llen(hub_environment["PERMIT_HUB_REDIS_PREFIX"] + queue))


def test_status_names_queues_without_a_worker_and_counts_their_messages(
    permit_hub: PermitHub, hub_environment: dict[str, str]
) -> None:
    url, prefix = (hub_environment[f"PERMIT_HUB_REDIS_{name}"] for name in ("URL", "PREFIX"))
    with Hub(url, source="test", prefix=prefix) as hub, pytest.raises(ReceiptTimeout):
        hub.submit(
            hub.job("permit.cancel", resident_id="r-1", submitted_at="2024-09-16T10:42:03+02:00"), wait=0.01
        )  # fmt: skip
    for _ in range(2):  # to ask leaves nothing behind
        ended = permit_hub("status", "--wait", SHORT, **hub_environment)
        assert ended.returncode == 1
        assert "no worker takes from jobs: 1 wait, the oldest of 16/09/2024 10:42" in ended.stdout
        assert "no worker takes from consent: 0 wait\n" in ended.stdout
        assert "nothing is stuck" not in ended.stdout
        assert all(len(line) <= 80 for line in ended.stdout.splitlines())
    told = permit_hub("status", "--json", "--wait", SHORT, **hub_environment)
    assert told.returncode == 1
    queues = {queue.pop("queue"): queue for queue in json.loads(told.stdout)["queues"]}
    assert queues.keys() >= QUEUES
    assert not any(queue["served"] or queue["answered"] for queue in queues.values())
    assert queues["jobs"]["oldest_submitted_at"] == "2024-09-16T10:42:03+02:00"
    assert (queues["jobs"]["waiting"], queues["consent"]["oldest_submitted_at"]) == (1, None)


def body(of: object) -> bytes:
    return json.dumps({"body": base64.b64encode(json.dumps(of).encode()).decode()}).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"body": 17}',
        b'{"body": "&"}',
        b"[" * 100_000,
        body([]),
        body([[], {}]),
        body([["{}"], {}]),
        body([["[]"], {}]),
        body([['{"submitted_at": 17}'], {}]),
        body([['{"submitted_at": "2024-09-16T10:42:03"}'], {}]),
    ],
    ids=range(12),
)
def test_any_message_in_a_queue_is_counted(redis_url: str, redis_prefix: str, message: Any) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(f"{redis_prefix}jobs", message)
    assert served.ask(["jobs"], redis_url, redis_prefix, 0) == [served.QueueStatus("jobs", 1, None, False, False)]


def test_status_waits_for_a_worker_that_is_starting_and_a_busy_one_counts(deployment: Deployment) -> None:
    queues = deployment.asked(LONG)["queues"]
    assert {queue["queue"] for queue in queues} >= QUEUES
    assert all(queue["served"] and queue["answered"] for queue in queues)
    (child,) = deployment.supervisor.children
    process = psutil.Process(child.pid)
    for busy in process.children():
        busy.send_signal(signal.SIGSTOP)  # longer than any task may be
    try:
        eventually(
            lambda: all(queue["served"] for queue in deployment.asked(10)["queues"]), "all of them", seconds=LONG
        )
        shown = deployment.permit_hub("status", "--wait", "3")
        assert shown.returncode == 0
        assert "yes, busy for 3 s" in shown.stdout
        assert "nothing is stuck" in shown.stdout
    finally:
        for busy in process.children():
            busy.send_signal(signal.SIGCONT)
