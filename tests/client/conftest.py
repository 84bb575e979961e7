"""A toy hub for the client's tests: the shared Valkey, with a real Celery worker that answers on it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
import redis
from permit_hub_client import AsyncWatch, Calls, Event, Hub, HubError, Resumed

from ops.embedded.programs import FOLDER
from ops.embedded.servers import Servers
from ops.embedded.valkey import WEB_APP
from schemas.jobs import DOCUMENTS, KINDS, Queue
from tests.conftest import Database, own_database
from tests.support.waiting import eventually

LOSING_SECONDS = 40.0
START_SECONDS = 180.0
KEYS = {"tests": "t" * 32, "my-portal": "p" * 32, "counter": "c" * 32}  # of the real hub's sources


@dataclass(frozen=True)
class ToyHub:
    """The toy worker's Redis, and a connection of the test's own."""

    url: str
    prefix: str
    redis: redis.Redis


def numbered(sequence: int) -> dict[str, object]:
    """Return what these tests publish as an event: its number, and nothing else."""
    return {"sequence": sequence}


@pytest.fixture(scope="session")
def toy(redis_url: str) -> Iterator[ToyHub]:
    prefix = f"toy-{uuid4().hex[:12]}:"
    command = [sys.executable, "-m", "celery", "-A", "toy_worker", "worker", "--queues=consent,jobs"]
    options = ["--pool=solo", "--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = subprocess.Popen(
        [*command, *options],
        cwd=Path(__file__).parent,
        env=os.environ | {"TOY_REDIS_URL": redis_url, "TOY_PREFIX": prefix},
    )
    with redis.Redis.from_url(redis_url) as connection:
        try:
            with Hub(redis_url, source="tests", prefix=prefix) as hub:
                _wait_until_it_answers(worker, lambda: hub.submit("consent.decide", wait=10))
            yield ToyHub(redis_url, prefix, connection)
        finally:
            worker.terminate()
            worker.wait(timeout=20)


@pytest.fixture
def hub(toy: ToyHub) -> Iterator[Hub]:
    with Hub(toy.url, source="tests", prefix=toy.prefix) as hub:
        yield hub


class AwaitedWatch:
    """A watch of `hub.aio` with the interface of a blocking one."""

    def __init__(self, runner: "asyncio.Runner", watch: AsyncWatch) -> None:
        self._runner = runner
        self._watch = watch

    def __enter__(self) -> "AwaitedWatch":
        self._runner.run(self._watch.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._watch.__aexit__(None, None, None))

    def __iter__(self) -> Iterator[Event | Resumed]:
        while True:
            yield self._runner.run(self._watch.__anext__())

    def next(self, timeout: float) -> Event | Resumed | None:
        return self._runner.run(self._watch.next(timeout))


class Awaited:
    """`hub.aio` with the interface of a blocking hub, so that each test runs with both."""

    def __init__(self, runner: "asyncio.Runner", calls: Calls) -> None:
        self._runner = runner
        self._calls = calls
        self.job = calls.job

    def watch(self, resident_id: str) -> AwaitedWatch:
        return AwaitedWatch(self._runner, self._calls.watch(resident_id))

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: self._runner.run(getattr(self._calls, name)(*args, **kwargs))


OpenHub = Callable[..., AbstractContextManager[Hub]]


@pytest.fixture(params=["blocking", "awaited"])
def open_hub(request: pytest.FixtureRequest) -> OpenHub:
    """Return a function that makes a hub: a blocking one, then one whose calls are awaited."""

    @contextmanager
    def awaited(url: str, **settings: Any) -> Iterator[Hub]:
        with asyncio.Runner() as runner, Hub(url, **settings) as hub:
            yield cast("Hub", Awaited(runner, hub.aio))
            runner.run(hub.aio.close())

    return Hub if request.param == "blocking" else awaited


@pytest.fixture
def either(toy: ToyHub, open_hub: OpenHub) -> Iterator[Hub]:
    """Return a blocking hub, then one whose calls are awaited."""
    with open_hub(toy.url, source="tests", prefix=toy.prefix) as hub:
        yield hub


@dataclass(frozen=True)
class TrueHub:
    """A real hub that takes signed jobs, with one worker for all, and its addresses; a test takes its own residents."""

    environment: dict[str, str]
    url: str
    prefix: str
    database: Database
    worker: "subprocess.Popen[bytes]"
    store: redis.Redis

    @contextmanager
    def losing_one(self, queue: str) -> Iterator[list[bytes]]:
        """Take the next message from a queue, so that it is lost; yield it."""
        lost: list[bytes] = []

        def take() -> None:
            taken = self.store.brpop([self.prefix + queue], timeout=LOSING_SECONDS)
            assert isinstance(taken, list | tuple)
            message = taken[1]
            assert isinstance(message, bytes)
            lost.append(message)
            self.worker.send_signal(signal.SIGCONT)

        with self.stopped():
            thief = threading.Thread(target=take)
            thief.start()
            try:
                yield lost
            finally:
                thief.join()
        assert len(lost) == 1

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the worker, once it has taken what earlier tests have sent."""
        eventually(lambda: not any(self.store.llen(f"{self.prefix}{queue}") for queue in Queue), "empty queues")
        self.worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.worker.send_signal(signal.SIGCONT)


@pytest.fixture(scope="package")
def true_worker(
    servers: Servers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrueHub]:
    url, prefix = servers.valkey.url_of(WEB_APP), f"test-{uuid4().hex[:12]}:"
    with own_database(servers.postgres, migrated_template) as database:
        environment = servers.environment | {
            "PERMIT_HUB_DATABASE_URL": database.worker_url,
            "PERMIT_HUB_REDIS_PREFIX": prefix,
            "PERMIT_HUB_SOURCES": str(_sources(tmp_path_factory.mktemp("sources"))),
        }
        command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-Q", "consent,jobs,bulk", "-c", "1"]
        worker = subprocess.Popen(command, env=os.environ | environment, cwd=FOLDER)
        try:
            with Hub(url, source="tests", prefix=prefix) as hub:
                _wait_until_it_answers(worker, lambda: hub.catalogue(wait=10))
            with redis.Redis.from_url(servers.valkey.url, socket_timeout=2 * LOSING_SECONDS) as store:
                yield TrueHub(environment, url, prefix, database, worker, store)
        finally:
            worker.terminate()
            worker.wait(timeout=30)


@pytest.fixture
def resident() -> str:
    """Return the id of a resident whom the real hub does not know yet."""
    return f"r-{uuid4().hex[:12]}"


@pytest.fixture
def true_hub(true_worker: TrueHub) -> Iterator[Hub]:
    """Return the client of a real hub with one worker for all jobs."""
    with Hub(true_worker.url, source="tests", key=KEYS["tests"], prefix=true_worker.prefix) as hub:
        yield hub


def _sources(folder: Path) -> Path:
    """Write the keys of the sources, and who may send what."""
    for name, key in KEYS.items():
        (folder / name).write_text(f"{key}\n")
    kinds = [*KINDS, *DOCUMENTS]
    entries = [f"[{name}]\nkeys = ['{name}']\nkinds = {kinds}\n" for name in KEYS if name != "counter"]
    entries.append("[counter]\nkeys = ['counter']\nkinds = ['space.publish']\nresidents = ['c-']\n")
    (folder / "sources.toml").write_text("".join(entries))
    return folder / "sources.toml"


def _wait_until_it_answers(worker: "subprocess.Popen[bytes]", ask: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while worker.poll() is None and time.monotonic() < deadline:
        try:
            ask()
        except HubError:
            continue
        return
    raise AssertionError("the worker did not start")
