"""Reconciliation of many copies: how long it takes, and how much memory its worker uses."""

import time

import psutil

from bench.copies import hold_copies
from bench.figures import Figure
from bench.ground import Ground

PROVIDER = "flowbird"
COPIES, QUICK_COPIES = 200_000, 20_000
SECONDS, MEGABYTES = 60.0, 250.0
REQUEST = "INSERT INTO reconciliations (provider, dry_run) VALUES (%s, false) RETURNING reconciliation_id"
ENDED = "SELECT finished_at IS NOT NULL FROM reconciliations WHERE reconciliation_id = %s"
DRIFT = "SELECT copies, differing + missing + orphans, code FROM reconciliations WHERE reconciliation_id = %s"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Have a provider hold many permits, then compare what it lists with what it confirmed."""
    copies = QUICK_COPIES if quick else COPIES
    hold_copies(ground, PROVIDER, copies)
    worker = psutil.Process(ground.stack.process_ids["bulk"])
    largest, started = 0.0, time.perf_counter()
    run_id = ground.scalar(REQUEST, PROVIDER)
    while not ground.scalar(ENDED, run_id):
        largest = max(largest, *(child.memory_info().rss / 1e6 for child in worker.children(recursive=True)))
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    row = ground.database.execute(DRIFT, [run_id]).fetchone()
    assert row is not None
    assert row[0] >= copies, row
    assert row[1:] == (0, None), row
    return [
        Figure(f"reconciliation of {row[0]:,} copies", seconds, "s", target=SECONDS),
        Figure("its worker's largest process", largest, "MB", target=MEGABYTES),
    ]
