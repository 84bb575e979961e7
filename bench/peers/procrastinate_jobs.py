"""Procrastinate: jobs in PostgreSQL, with priorities.

It is fair since it uses what Procrastinate documents for this work: async tasks, many at once in a worker (its default
is one), one worker a core, a retry strategy with exponential waits, `batch_defer` for many jobs, LISTEN and NOTIFY, and
a higher priority for what is urgent. A job is recorded once its row says `succeeded`, which is a commit to disk, as the
hub's record is. Its rows are kept, as by default.
"""

import time
from collections.abc import Iterable
from functools import cache
from itertools import islice
from os import environ

import httpx
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.jobs import Status

from bench.peers.contracts import Permit, Push
from bench.peers.pushing import push_async

RECORDED_SECONDS = 600.0
POLL_SECONDS = 0.002  # nothing tells that a job has ended
BATCH = 1_000
URGENT = 10

app = App(connector=PsycopgConnector(conninfo=environ["DATABASE"]))


@app.task(retry=RetryStrategy(max_attempts=10, exponential_wait=2, retry_exceptions={httpx.HTTPError}))
async def push(provider: str, reference: str, permit: Permit | None) -> None:
    """Send one change."""
    await push_async(provider, reference, permit)


@app.task
async def nothing() -> None:
    """Do nothing."""


def enqueue(pushes: Iterable[Push]) -> None:
    """Put pushes on the queue."""
    _open()
    left = iter(pushes)
    while batch := [one._asdict() for one in islice(left, BATCH)]:
        push.batch_defer(*batch)


def confirm(pushes: Iterable[Push]) -> None:
    """Put pushes in front of all others, and wait until each is recorded."""
    _open()
    _wait(push.configure(priority=URGENT).batch_defer(*(one._asdict() for one in pushes)))


def no_op() -> None:
    """Send a task that does nothing, and wait for its end."""
    _open()
    _wait([nothing.defer()])


def purge() -> None:
    """Drop what waits in the queue."""
    _open()
    app.connector.get_sync_connector().execute_query("DELETE FROM procrastinate_jobs WHERE status = 'todo'")


@cache
def _open() -> None:
    """Connect the process that defers jobs; a worker connects itself."""
    app.open()


def _wait(jobs: Iterable[int]) -> None:
    deadline = time.monotonic() + RECORDED_SECONDS
    for job in jobs:
        while app.job_manager.get_job_status(job) is not Status.SUCCEEDED:
            if time.monotonic() > deadline:
                raise TimeoutError("a job did not end")
            time.sleep(POLL_SECONDS)
