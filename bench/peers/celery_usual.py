"""Celery as it is usually written: a task for each push, retried by `autoretry_for`, four prefork processes.

It is fair since it is what Celery's own guide leads to: the default pool, `autoretry_for` with `retry_backoff` and its
jitter, results ignored where nobody reads them, one pooled httpx client for each process and provider, no log line a
task. Four processes on two cores is more than the default, as pushes wait for the network. There is one queue, since
one is what an application begins with; celery_fair.py has what the guide offers beyond that.
"""

from collections.abc import Iterable
from os import environ

import httpx
from celery import Celery

from bench.peers import pushing
from bench.peers.contracts import Permit, Push

RECORDED_SECONDS = 600.0

app = Celery("usual", broker=environ["BROKER"], backend=environ["BROKER"])
app.conf.update(broker_connection_retry_on_startup=True, result_expires=3_600)


@app.task(ignore_result=True, autoretry_for=(httpx.HTTPError,), retry_backoff=True, max_retries=10)
def push(provider: str, reference: str, permit: Permit | None) -> None:
    """Send one change."""
    pushing.push(provider, reference, permit)


@app.task
def nothing() -> None:
    """Do nothing."""


def enqueue(pushes: Iterable[Push]) -> None:
    """Put pushes on the queue."""
    with app.connection_for_write() as connection, connection.Producer() as producer:
        for one in pushes:
            push.apply_async(one, producer=producer)


def confirm(pushes: Iterable[Push], queue: str = "celery") -> None:
    """Put pushes on the queue, and wait until the result of each is recorded."""
    for result in [push.apply_async(one, ignore_result=False, queue=queue) for one in pushes]:
        result.get(timeout=RECORDED_SECONDS)


def no_op() -> None:
    """Send a task that does nothing, and wait for its result."""
    nothing.delay().get(timeout=RECORDED_SECONDS)


def purge() -> None:
    """Drop what waits in the queue."""
    app.control.purge()
