"""The time that the machine itself takes: no other figure can be below these."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
import redis

from bench.figures import Figure, times
from bench.ground import Ground

TABLE = "CREATE TABLE IF NOT EXISTS bench_floor (n integer)"
COMMIT = "INSERT INTO bench_floor VALUES (1)"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure a commit to disk and a round trip to Valkey."""
    number = 100 if quick else 500
    return [
        *times("floor: one commit", commits(ground.database, number), median_target=None, p99_target=None),
        *times("floor: one Valkey round trip", trips(ground.redis, number), median_target=None, p99_target=None),
    ]


def commits(database: psycopg.Connection[Any], number: int) -> list[float]:
    """Return the milliseconds of commits to disk; the connection is in autocommit."""
    database.execute(TABLE)
    return [milliseconds(lambda: database.execute(COMMIT)) for _ in range(number)]


def trips(client: redis.Redis, number: int) -> list[float]:
    """Return the milliseconds of round trips to Valkey."""
    return [milliseconds(client.ping) for _ in range(number)]


def milliseconds(call: Callable[[], object]) -> float:
    """Return the milliseconds that a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000
