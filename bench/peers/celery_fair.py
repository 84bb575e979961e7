"""Celery in its fairest form for this work: threads for what waits, and a queue and a worker for what is urgent.

It is fair since it takes the two steps that Celery's documentation offers here: a pool for work that waits for the
network, and, from its routing guide, a queue of its own for urgent tasks, which a worker of its own reads. One worker a
core reads the pushes, as threads share a process's one core. Of the pools, threads are the stronger here: in a trial
on a busy machine, as many greenlets (gevent) took twice the processor time for a push, and sent less than half as many
a second. The task is that of celery_usual.py, and all else too.
"""

from collections.abc import Iterable

from bench.peers import celery_usual
from bench.peers.celery_usual import app, enqueue, no_op, purge
from bench.peers.contracts import Push

__all__ = ["app", "confirm", "enqueue", "no_op", "purge"]

URGENT = "urgent"


def confirm(pushes: Iterable[Push]) -> None:
    """Put pushes on the urgent queue, and wait until the result of each is recorded."""
    celery_usual.confirm(pushes, URGENT)
