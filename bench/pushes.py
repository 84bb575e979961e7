"""Pushes: how many requests per second four providers are sent from a backlog."""

import time

from bench.backlog import make_due
from bench.figures import Figure, rates
from bench.ground import Ground, cpu_seconds

RATE = 2_000.0
SAMPLE_SECONDS = 1.0
ENDS = 0.1  # of the backlog at either end, while lanes start or run dry


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Make a backlog due and count the requests that providers receive, second by second."""
    before = ground.received()
    backlog = make_due(ground, 8_000 if quick else 24_000)
    ground.until(lambda: ground.received() - before > backlog * ENDS, "the backlog being pushed")
    each, cpu = [], cpu_seconds(ground)
    first = ground.received()
    last, at = ground.received(), time.perf_counter()
    while last - before < backlog * (1 - ENDS):
        time.sleep(SAMPLE_SECONDS)
        received, now = ground.received(), time.perf_counter()
        each.append((received - last) / (now - at))
        last, at = received, now
    cpu_ms = (cpu_seconds(ground) - cpu) * 1000 / (last - first)
    ground.settle()
    return [
        rates("pushes to 4 providers", each[:-1] or each, "/s", RATE),
        Figure("processor time of a push, all processes", cpu_ms, "ms"),
    ]
