"""Find which queues workers take messages from, and how many messages wait in each.

There are two questions. Each worker answers a broadcast at once, even if all of its processes are busy. A ping goes
through the queue, behind all messages that wait there.
"""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import redis

from ops.canary import Canary

FIRST_ROUND_SECONDS = 1.0  # only workers that listen at this moment hear a broadcast, so it is repeated
POLL_SECONDS = 0.01
REDIS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """A queue: what waits, whether a worker takes from it, and whether one ran a ping in time.

    `oldest_submitted_at` is known for jobs only, and comes from their source.
    """

    queue: str
    waiting: int
    oldest_submitted_at: datetime | None
    served: bool
    answered: bool


def ask(names: Sequence[str], redis_url: str, prefix: str, wait: float) -> list[QueueStatus]:
    """Ask all workers which of these queues they take from, then ping those; each takes `wait` seconds at most.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    options = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    canary = Canary(redis_url, prefix)
    try:
        with redis.Redis.from_url(redis_url, **options) as client:
            waiting = {name: int(client.llen(prefix + name)) for name in names}
            served = _served(canary, names, wait)
            answered = _answered(canary, [name for name in names if name in served], wait)
            return [
                QueueStatus(name, waiting[name], _oldest(client, prefix + name), name in served, name in answered)
                for name in names
            ]
    finally:
        canary.close()


def _served(canary: Canary, names: Sequence[str], wait: float) -> set[str]:
    deadline, seconds = time.monotonic() + wait, FIRST_ROUND_SECONDS
    served: set[str] = set()
    while not served >= set(names) and (left := deadline - time.monotonic()) > 0:
        served |= canary.served(names, min(seconds, left))
        seconds *= 2  # a late answer does not count, so slow workers get longer rounds
    return served


def _answered(canary: Canary, names: Sequence[str], wait: float) -> set[str]:
    pings = {name: canary.send(name) for name in names}
    deadline = time.monotonic() + wait
    answered: set[str] = set()
    while len(answered) < len(names) and time.monotonic() < deadline:
        answered |= {name for name in names if name not in answered and canary.was_answered(pings[name])}
        time.sleep(POLL_SECONDS)
    return answered


def _oldest(client: redis.Redis, key: str) -> datetime | None:
    """Return when the job at the head of a queue was submitted, or None if its message does not say."""
    try:
        message = json.loads(client.lindex(key, -1) or "")
        ((job,), *_) = json.loads(base64.b64decode(message["body"]))
        at = datetime.fromisoformat(json.loads(job)["submitted_at"])
    except (ValueError, TypeError, KeyError, RecursionError):  # a queue may hold any message
        return None
    return at if at.tzinfo is not None else None
