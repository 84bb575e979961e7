"""The time that the machine itself takes: no other figure can be below these."""

import time

from bench.figures import Figure, times
from bench.ground import Ground

COMMIT = "INSERT INTO bench_floor VALUES (1)"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure a commit to disk and a round trip to Valkey."""
    number = 100 if quick else 500
    ground.database.execute("CREATE TABLE IF NOT EXISTS bench_floor (n integer)")
    commits = [_ms(lambda: ground.database.execute(COMMIT)) for _ in range(number)]
    trips = [_ms(ground.redis.ping) for _ in range(number)]
    return [
        *times("floor: one commit", commits, median_target=None, p99_target=None),
        *times("floor: one Valkey round trip", trips, median_target=None, p99_target=None),
    ]


def _ms(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return (time.perf_counter() - started) * 1000
