"""The tools of the guard's tests: messages to deform, and the worker under attack."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import redis
from celery import Celery
from psycopg import sql
from psycopg.rows import class_row

from tests.conftest import Database
from tests.support.waiting import PATIENCE_SECONDS, eventually

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PREFIX = "guard-test:"
HASH_KEY = "k" * 32
SECONDS = 10.0
_REFUSALS = """
    SELECT refused_message_id, code, field, queue, task_id, kind, size FROM refused_messages
    WHERE refused_message_id > %s ORDER BY refused_message_id
"""
_DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@dataclass
class Raw:
    """A message as Celery's clients put it on the list, to be deformed."""

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


@dataclass(frozen=True)
class Refusal:
    """A refused message as the database records it."""

    refused_message_id: int
    code: str
    field: str | None
    queue: str
    task_id: UUID | None
    kind: str | None
    size: int


@dataclass
class Worker:
    """The worker under attack, seen from outside."""

    process: subprocess.Popen[bytes]
    log: Path
    redis: redis.Redis
    app: Celery
    environment: dict[str, str]
    database: Database
    prefix: str = PREFIX
    last_refusal: int = 0

    def push(self, item: bytes, queue: str = "jobs") -> None:
        self.redis.lpush(self.prefix + queue, item)

    def refusals(self) -> list[Refusal]:
        """Return the refusals that were recorded since the last call, oldest first."""
        with self.database.connect() as connection, connection.cursor(row_factory=class_row(Refusal)) as cursor:
            found = cursor.execute(_REFUSALS, [self.last_refusal]).fetchall()
        self.last_refusal = max((one.refused_message_id for one in found), default=self.last_refusal)
        return found

    def awaited_refusals(self, count: int = 1) -> list[Refusal]:
        """Return the refusals since the last call, once there are so many."""
        found: list[Refusal] = []

        def there() -> bool:
            found.extend(self.refusals())
            return len(found) >= count

        eventually(there, "the records")
        return found

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """Have the database refuse connections, and end those that there are."""
        name = sql.Identifier(self.database.name)
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        with self.database.server.connect() as connection:
            connection.execute(allow.format(name, sql.Literal(False)))
            try:
                connection.execute(_DISCONNECT, [self.database.name])
                yield
            finally:
                connection.execute(allow.format(name, sql.Literal(True)))

    def pids(self) -> frozenset[int]:
        """Return the process ids of the worker and its pool."""
        main = psutil.Process(self.process.pid)
        return frozenset([main.pid, *(child.pid for child in main.children())])

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    def is_drained(self) -> bool:
        """Return whether no message waits and none is taken; what probe tasks have told does not count."""
        # Other tests share the server: with a small count, a scan through all their keys would take seconds.
        lists = self.redis.scan_iter(f"{self.prefix}*", count=10_000, _type="list")
        waiting = [name for name in lists if not name.startswith(f"{self.prefix}run.".encode())]
        return not waiting and not self.redis.hlen(f"{self.prefix}taken")

    def send(self, task: str, *args: Any, queue: str = "jobs") -> str:
        """Send as a Celery client does, and return the task's id; the result is read without Celery's machinery."""
        task_id = str(uuid4())
        self.app.send_task(task, args=args, queue=queue, task_id=task_id, ignore_result=True)
        return task_id

    def wait_until_held(self, task_id: str) -> None:
        """Wait until a task that is held runs."""
        eventually(lambda: self.redis.rpop(f"{self.prefix}run.held.{task_id}"), "the task running")

    def release(self, task_id: str) -> None:
        """Let a task that is held, or will be, end."""
        self.redis.lpush(f"{self.prefix}run.released.{task_id}", 1)

    def meta(self, task_id: str) -> dict[str, Any] | None:
        """Return the result of a task in the result backend."""
        stored = self.redis.get(f"{self.prefix}celery-task-meta-{task_id}")
        return None if stored is None else json.loads(stored)

    def answer(self, task_id: str, seconds: float = PATIENCE_SECONDS) -> Any:
        eventually(lambda: self.meta(task_id) or self.process.poll() is not None, "an answer", seconds=seconds)
        meta = self.meta(task_id)
        assert meta is not None, f"the worker has ended:\n{self.logged()[-3_000:]}"
        return meta["result"]

    def call(self, task: str, *args: Any, queue: str = "jobs", seconds: float = PATIENCE_SECONDS) -> Any:
        return self.answer(self.send(task, *args, queue=queue), seconds)
