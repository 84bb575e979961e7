"""A whole hub for these tests, as processes that can be killed, frozen, ended and cut off."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import redis
from permit_hub_client import Hub

from integrations.sandbox.control import Control
from ops.canary import Canary
from ops.embedded import programs
from ops.embedded.children.start import Child
from ops.embedded.children.supervise import Supervisor
from ops.embedded.sandboxes import Sandboxes
from ops.embedded.servers import PROVIDERS, free_port
from ops.embedded.valkey import FLOWER, WEB_APP, Valkey
from tests.conftest import Database
from tests.support.waiting import PATIENCE_SECONDS, eventually

SECONDS = 45.0
PAUSE_SECONDS = 20.0  # it ends by itself, for the sake of the tests after a failed one
POLL_SECONDS = 0.01
SETTLE_SECONDS = 3.0
REQUEST_SECONDS = 1.5
LEASE_SECONDS = REQUEST_SECONDS + 4.0


def seconds_until(look: Callable[[], object], what: str, *, equals: object, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until `look` returns the value; return how many seconds that took."""
    started = time.monotonic()
    eventually(look, what, equals=equals, seconds=seconds)
    return time.monotonic() - started


@dataclass
class Stack:
    """Valkey, sandboxes, workers, beat and Flower; processes that die are started again, except Valkey."""

    folder: Path
    database: Database
    valkey: Valkey
    environment: Mapping[str, str] = field(repr=False)
    sandboxes: Sandboxes
    flower_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.redis = redis.Redis.from_url(self.valkey.url)
        self.prefix = self.environment["PERMIT_HUB_REDIS_PREFIX"]
        self.hub = Hub(self.valkey.url_of(WEB_APP), source="faults", prefix=self.prefix)
        self.control = Control(self.sandboxes.url)
        self.numbers = count(1)
        self._supervisor = Supervisor(self.folder)

    def start(self) -> None:
        """Start all processes and wait until every worker answers."""
        self.start_valkey()
        canary = Canary(self.valkey.url, self.prefix)
        self._supervisor.start(
            self.sandboxes.program(self.environment),
            *programs.workers(self.environment, PROVIDERS, canary),
            programs.beat(self.environment),
            programs.flower({**self.environment, "PERMIT_HUB_REDIS_URL": self.valkey.url_of(FLOWER)}, self.flower_port),
        )
        canary.close()
        self._supervisor.watch(lambda _: None)

    def stop(self) -> None:
        """End all processes."""
        self.hub.close()
        self.control.close()
        self.redis.close()
        self._supervisor.stop()
        self.stop_valkey()

    def start_valkey(self) -> None:
        """Start Valkey, with what its append-only file holds."""
        self._valkey_alone = Supervisor(self.folder)
        self._valkey_alone.start(self.valkey.program())

    def stop_valkey(self) -> None:
        """End Valkey in good order."""
        self._valkey_alone.stop()

    def ping(self, queue: str) -> None:
        """Send a ping."""
        canary = Canary(self.valkey.url, self.prefix)
        canary.send(queue)
        canary.close()

    @contextmanager
    def silent_valkey(self) -> Iterator[None]:
        """Have Valkey keep its connections and answer nothing."""
        (server,) = self._valkey_alone.children
        os.kill(server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server.pid, signal.SIGCONT)

    def process(self, name: str) -> int:
        """Return the process id of a worker's main process, which leads a group of its own."""
        return self._child(name).pid

    def kill(self, name: str) -> None:
        """Kill a worker's main process and its children at once, and wait until Valkey has noticed.

        Before that, it might still hand one of them a message.
        """
        main = psutil.Process(self.process(name))
        killed = [main, *main.children(recursive=True)]
        os.killpg(main.pid, signal.SIGKILL)
        eventually(lambda: not any(map(_lives, killed)), "the killed processes gone")
        self.redis.ping()

    def kill_children(self, name: str) -> list[int]:
        """Kill the processes that run a worker's tasks; its main process stays and starts others."""
        children = psutil.Process(self.process(name)).children()
        for child in children:
            child.kill()
        return [child.pid for child in children]

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Freeze whole workers."""
        pids = [self.process(name) for name in names]
        for pid in pids:
            os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.killpg(pid, signal.SIGCONT)

    def pause_writes(self) -> None:
        """Have Valkey hold every write, scripts included; a write whose sender dies meanwhile is dropped."""
        self.redis.client_pause(int(PAUSE_SECONDS * 1000), all=False)

    def resume_writes(self) -> None:
        """Have Valkey carry out the writes that it holds."""
        self.redis.client_unpause()

    def publishing(self) -> bool:
        """Return whether a script is held, other than those that look for messages."""
        looking = set[int]()
        for child in self._supervisor.children:
            with suppress(psutil.NoSuchProcess):
                looking |= {one.laddr.port for one in psutil.Process(child.pid).net_connections("tcp")}
        return any(
            client["cmd"] == "evalsha"
            and "b" in client["flags"]
            and int(client["addr"].rpartition(":")[2]) not in looking
            for client in self.redis.client_list()
        )

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Query the database over a connection of its own."""
        with self.database.connect() as connection:
            return connection.execute(statement, values).fetchall()

    def scalar(self, statement: str, *values: object) -> Any:
        """Query the database for one value."""
        return self.query(statement, *values)[0][0]

    @contextmanager
    def locked(self, resident_id: str) -> Iterator[None]:
        """Lock a resident's row, so that a job about them stays in the middle of its transaction."""
        with self.database.connect() as connection, connection.transaction():
            connection.execute("SELECT FROM residents WHERE resident_id = %s FOR UPDATE", [resident_id])
            yield

    def waiting_for_locks(self) -> int:
        """Return how many transactions of workers wait for a lock."""
        return int(
            self.scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    def pending(self) -> int:
        """Return how many shares are not yet confirmed."""
        return int(self.scalar("SELECT count(*) FROM shares WHERE confirmed_version < wanted_version"))

    def converges(self, seconds: float = SECONDS) -> float:
        """Wait until every share is confirmed; return how many seconds that took."""
        return seconds_until(lambda: self.pending(), "every share confirmed", equals=0, seconds=seconds)

    def _child(self, name: str) -> Child:
        return next(child for child in self._supervisor.children if child.program.name == name)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
