"""A toy hub for the client's tests: the shared Valkey, with a real Celery worker that answers on it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
import redis
from permit_hub_client import AsyncWatch, Calls, Event, Hub, HubError


@dataclass(frozen=True)
class ToyHub:
    """Where the toy worker listens, and a connection of the test's own."""

    url: str
    prefix: str
    redis: redis.Redis


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
                _wait_until_it_answers(hub, worker)
            yield ToyHub(redis_url, prefix, connection)
        finally:
            worker.terminate()
            worker.wait(timeout=20)


@pytest.fixture
def hub(toy: ToyHub) -> Iterator[Hub]:
    with Hub(toy.url, source="tests", prefix=toy.prefix) as hub:
        yield hub


class AwaitedWatch:
    """A watch of `hub.aio`, used as one that blocks."""

    def __init__(self, runner: "asyncio.Runner", watch: AsyncWatch) -> None:
        self._runner = runner
        self._watch = watch

    def __enter__(self) -> "AwaitedWatch":
        self._runner.run(self._watch.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._watch.__aexit__(None, None, None))

    def __iter__(self) -> Iterator[Event]:
        while True:
            yield self._runner.run(self._watch.__anext__())

    def next(self, timeout: float) -> Event | None:
        return self._runner.run(self._watch.next(timeout))


class Awaited:
    """`hub.aio`, used as a hub that blocks: whatever one can do is tried with the other."""

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
    """Return how to make a hub: one that blocks, then one whose calls are awaited in an event loop."""

    @contextmanager
    def awaited(url: str, **settings: Any) -> Iterator[Hub]:
        with asyncio.Runner() as runner, Hub(url, **settings) as hub:
            yield cast("Hub", Awaited(runner, hub.aio))
            runner.run(hub.aio.close())

    return Hub if request.param == "blocking" else awaited


@pytest.fixture
def either(toy: ToyHub, open_hub: OpenHub) -> Iterator[Hub]:
    """Return a hub that blocks, then one whose calls are awaited."""
    with open_hub(toy.url, source="tests", prefix=toy.prefix) as hub:
        yield hub


def _wait_until_it_answers(hub: Hub, worker: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while worker.poll() is None and time.monotonic() < deadline:
        try:
            hub.submit("consent.decide", wait=10)
        except HubError:
            continue
        return
    raise AssertionError("the toy worker did not start")
