"""The time that the machine itself takes: no other figure can be below these."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from statistics import median
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import redis
from celery import Celery

from bench.figures import Figure, times
from bench.ground import RECEIPT_SECONDS, Ground

TABLE = "CREATE TABLE IF NOT EXISTS bench_floor (n integer)"
COMMIT = "INSERT INTO bench_floor VALUES (1)"
PING, QUEUE = "hub.ping", "jobs"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure each floor, one call after the other."""
    return [
        figure
        for name, taken in _each(ground, 100 if quick else 500).items()
        for figure in times(f"floor: {name}", taken, median_target=None, p99_target=None)
    ]


def summed(ground: Ground, number: int) -> float:
    """Return the sum of the floors' medians, in milliseconds."""
    return sum(median(taken) for taken in _each(ground, number).values())


def _each(ground: Ground, number: int) -> dict[str, list[float]]:
    return {
        "one commit": commits(ground.database, number),
        "one Valkey round trip": trips(ground.redis, number),
        "one HTTP exchange": exchanges(ground.stack.environment, number),
        "one Celery no-op": _no_ops(ground, number),
    }


def commits(database: psycopg.Connection[Any], number: int) -> list[float]:
    """Return the milliseconds of commits to disk; the connection is in autocommit."""
    database.execute(TABLE)
    return [milliseconds(lambda: database.execute(COMMIT)) for _ in range(number)]


def trips(client: redis.Redis, number: int) -> list[float]:
    """Return the milliseconds of round trips to Valkey."""
    return [milliseconds(client.ping) for _ in range(number)]


def exchanges(environment: Mapping[str, str], number: int) -> list[float]:
    """Return the milliseconds of requests to a stand-in, each to cancel a right that is not there."""
    url, key = (environment[f"PERMIT_HUB_EASYPARK_{name}"] for name in ("URL", "KEY"))
    with httpx.Client(base_url=url, headers={"x-api-key": key}, trust_env=False) as client:
        return [milliseconds(lambda: client.delete(f"/parking/cancel/{uuid4()}")) for _ in range(number)]


def _no_ops(ground: Ground, number: int) -> list[float]:
    """Return the milliseconds of Celery tasks that do nothing, there and back, waited for as Celery's client does."""
    url = ground.stack.servers.valkey.url
    prefixed = {"global_keyprefix": ground.stack.environment["PERMIT_HUB_REDIS_PREFIX"]}
    with closing(Celery("bench", broker=url, backend=url, set_as_current=False)) as celery:
        celery.conf.update(broker_transport_options=prefixed, result_backend_transport_options=prefixed)

        def no_op() -> None:
            celery.send_task(PING, queue=QUEUE, ignore_result=False).get(timeout=RECEIPT_SECONDS)

        return [milliseconds(no_op) for _ in range(number)]


def milliseconds(call: Callable[[], object]) -> float:
    """Return the milliseconds that a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000
