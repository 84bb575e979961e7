"""What the guard's tests have in hand: messages to bend out of shape, and the worker under fire."""

import base64
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import redis
from celery import Celery

from tests.support.waiting import PATIENCE_SECONDS, eventually

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PREFIX = "guard-test:"
HASH_KEY = "k" * 32


@dataclass
class Raw:
    """A message as Celery's clients put it on the list, to be bent out of shape."""

    task: Any = "permit.cancel"
    id: Any = field(default_factory=lambda: str(uuid4()))
    body: Any = field(default_factory=lambda: [["{}"], {}, {"callbacks": None, "errbacks": None, "chain": None}])
    headers: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    envelope: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def item(self) -> bytes:
        headers = {"lang": "py", "task": self.task, "id": self.id, "eta": None, "expires": None, "retries": 0}
        headers |= {"timelimit": [None, None], "argsrepr": "('{}',)", "kwargsrepr": "{}", "origin": "x"} | self.headers
        properties = {"correlation_id": self.id, "reply_to": "", "delivery_mode": 2, "priority": 0}
        properties |= {"delivery_info": {"exchange": "", "routing_key": "jobs"}, "delivery_tag": str(uuid4())}
        properties |= {"body_encoding": "base64"} | self.properties
        body = base64.b64encode(json.dumps(self.body).encode()).decode()
        envelope = {"body": body, "content-encoding": "utf-8", "content-type": "application/json"}
        envelope |= {"headers": headers, "properties": properties} | self.envelope
        for path in self.without:
            part: Any = envelope
            *parents, last = path.split(".")
            for name in parents:
                part = part[name]
            del part[last]
        return json.dumps(envelope).encode()


@dataclass
class Worker:
    """The worker under fire, seen from outside."""

    process: subprocess.Popen[bytes]
    log: Path
    redis: redis.Redis
    app: Celery
    environment: dict[str, str]
    prefix: str = PREFIX

    def push(self, item: bytes, queue: str = "jobs") -> None:
        self.redis.lpush(self.prefix + queue, item)

    def refusals(self) -> list[list[str]]:
        """Return what was recorded since last asked, oldest first."""
        recorded = []
        while (line := self.redis.rpop(f"{self.prefix}recorded")) is not None:
            recorded.append(line.decode().split("|"))
        return recorded

    def pids(self) -> frozenset[int]:
        """Return the worker's process and its pool's."""
        main = psutil.Process(self.process.pid)
        return frozenset([main.pid, *(child.pid for child in main.children())])

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def is_drained(self) -> bool:
        """Tell whether nothing waits and nothing is taken."""
        # Other tests share the server: a small count would take seconds to go through all that they have there.
        lists = self.redis.scan_iter(f"{self.prefix}*", count=10_000, _type="list")
        waiting = [key for key in lists if key != f"{self.prefix}recorded".encode()]
        return not waiting and not self.redis.hlen(f"{self.prefix}taken")

    def send(self, task: str, *args: Any, queue: str = "jobs") -> str:
        """Send as a Celery client does, and return the task's id; the result is read without Celery's machinery."""
        task_id = str(uuid4())
        self.app.send_task(task, args=args, queue=queue, task_id=task_id, ignore_result=True)
        return task_id

    def meta(self, task_id: str) -> dict[str, Any] | None:
        """Return what the result backend holds of a task."""
        stored = self.redis.get(f"{self.prefix}celery-task-meta-{task_id}")
        return None if stored is None else json.loads(stored)

    def answer(self, task_id: str, seconds: float = PATIENCE_SECONDS) -> Any:
        eventually(lambda: self.meta(task_id) or self.process.poll() is not None, "an answer", seconds=seconds)
        meta = self.meta(task_id)
        assert meta is not None, f"the worker has ended:\n{self.logged()[-3_000:]}"
        return meta["result"]

    def call(self, task: str, *args: Any, queue: str = "jobs", seconds: float = PATIENCE_SECONDS) -> Any:
        return self.answer(self.send(task, *args, queue=queue), seconds)
