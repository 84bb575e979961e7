"""Dramatiq: actors on Redis, in processes with threads.

It is fair since it is what Dramatiq's guide and command line offer for this work: one process a core, many threads in
each (its default is eight) as pushes wait for the network, its own retries with exponential waits, `throws` for what
is refused for good, results stored for the urgent actor alone, and for that one a queue and a process of its own. Of
Dramatiq and Taskiq it is the stronger one here: in trials in turn on a busy machine, Taskiq (Redis streams, two worker
processes, an urgent queue of its own) took half as much again of processor time for a push, and sent a quarter as many
a second at no latency and at 50 ms.
"""

from collections.abc import Iterable
from os import environ

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench.peers import pushing
from bench.peers.contracts import Permit, Push, RefusedError

RECORDED_SECONDS = 600.0
RESULT_MS = int(RECORDED_SECONDS * 1000)

broker = RedisBroker(url=environ["BROKER"])
broker.add_middleware(Results(backend=RedisBackend(url=environ["BROKER"])))
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=10, min_backoff=1_000, throws=RefusedError)
def push(provider: str, reference: str, permit: Permit | None) -> None:
    """Send one change."""
    pushing.push(provider, reference, permit)


@dramatiq.actor(queue_name="urgent", store_results=True, max_retries=10, min_backoff=1_000, throws=RefusedError)
def push_urgently(provider: str, reference: str, permit: Permit | None) -> None:
    """Send one change before all others."""
    pushing.push(provider, reference, permit)


@dramatiq.actor(store_results=True)
def nothing() -> None:
    """Do nothing."""


def enqueue(pushes: Iterable[Push]) -> None:
    """Put pushes on the queue."""
    for one in pushes:
        push.send(*one)


def confirm(pushes: Iterable[Push]) -> None:
    """Put pushes on the urgent queue, and wait until the result of each is recorded."""
    for message in [push_urgently.send(*one) for one in pushes]:
        message.get_result(block=True, timeout=RESULT_MS)


def no_op() -> None:
    """Send a task that does nothing, and wait for its result."""
    nothing.send().get_result(block=True, timeout=RESULT_MS)


def purge() -> None:
    """Drop what waits in the queues."""
    broker.flush_all()
