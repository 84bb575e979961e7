"""Withdrawals while permits are being imported, second after second."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from permit_hub_client import Job

from bench.figures import Figure, times
from bench.ground import RECEIPT_SECONDS, Ground
from bench.withdrawals import withdraw

EACH_SECOND = 200  # permits, in one job
P99_MS = 120.0


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Withdraw consent, one resident at a time, while another sender imports."""
    inhabitants = ground.sharing(30 if quick else 200)
    over = Event()
    with ThreadPoolExecutor(1) as beside:
        importing = beside.submit(_import, ground, over)
        try:
            confirmed, _ = withdraw(ground, inhabitants)
        finally:
            over.set()
    ground.settle()
    beside_it = f"withdrawal beside {EACH_SECOND} permits imported a second, 4 confirmed"
    return [
        Figure("permits imported meanwhile", importing.result(), "/s", target=EACH_SECOND * 0.9, at_most=False),
        *times(beside_it, confirmed, median_target=None, p99_target=P99_MS),
    ]


def _import(ground: Ground, over: Event) -> float:
    """Send a job each second until it is over; return the permits imported per second."""
    started = time.monotonic()
    jobs: list[Job] = []
    with ground.stack.client() as hub:
        while not over.wait(max(0.0, started + len(jobs) - time.monotonic())):
            jobs.append(hub.send(ground.import_of(EACH_SECOND)[0]))
        rows = [row for job in jobs for row in hub.receipt(job, wait=RECEIPT_SECONDS).rows or ()]
    assert all(row.applied for row in rows)
    return len(rows) / (time.monotonic() - started)
