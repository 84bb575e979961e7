"""A toy hub for the client's tests: the shared Valkey, with a real Celery worker that answers on it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from permit_hub_client import Hub, HubError


@dataclass(frozen=True)
class ToyHub:
    """Where the toy worker listens, and a connection of the test's own."""

    url: str
    prefix: str
    redis: redis.Redis


@pytest.fixture(scope="module")
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


def _wait_until_it_answers(hub: Hub, worker: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while worker.poll() is None and time.monotonic() < deadline:
        try:
            hub.submit("consent.decide", wait=10)
        except HubError:
            continue
        return
    raise AssertionError("the toy worker did not start")
