"""Ask workers whether they work: send `hub.ping` through the queue and wait for its answer.

`python -m ops.canary QUEUE` is a container's health check: a worker can be alive and still take no messages.
"""

import json
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from celery import Celery
from redis import Redis, RedisError

from worker.settings import settings

PING = "hub.ping"
ANSWER_SECONDS = 60
HEALTHY_SECONDS = 27  # longer than the longest task, which may take 25
POLL_SECONDS = 0.05
RESULT_KEY = "celery-task-meta-"  # Celery's name for it


class _HeardEnough(Exception):  # noqa: N818 - it ends a wait, and is no error
    pass


class Canary:
    """Sends pings with its own Celery app, without process-wide settings, and polls for the answers.

    Celery's own results would subscribe to Redis, and block if the server is being stopped.
    """

    def __init__(self, redis_url: str, prefix: str) -> None:
        self._celery = Celery("canary", broker=redis_url, set_as_current=False)
        self._celery.conf.broker_transport_options = {"global_keyprefix": prefix}
        self._redis = Redis.from_url(redis_url)
        self._prefix = prefix

    def answers_on(self, queue: str) -> Callable[[int], bool]:
        """Return a check that sends one ping to the queue, and returns at each call whether it was answered."""
        sent: list[str] = []

        def answered(_pid: int) -> bool:
            if not sent:
                sent.append(self.send(queue))
            return self.was_answered(sent[0])

        return answered

    def send(self, queue: str) -> str:
        """Send a ping and return its id."""
        sent = self._celery.send_task(PING, queue=queue, expires=ANSWER_SECONDS, ignore_result=False)
        return str(sent.id)

    def served(self, queues: Collection[str], seconds: float) -> set[str]:
        """Broadcast a question, and return the queues that the answering workers take from.

        It returns early once each of `queues` is among them.
        """
        heard: set[str] = set()

        def hear(reply: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
            for consumed in reply.values():
                heard.update(str(queue["name"]) for queue in consumed)
            if heard.issuperset(queues):
                raise _HeardEnough

        with suppress(_HeardEnough):
            self._celery.control.broadcast("active_queues", reply=True, timeout=seconds, callback=hear)
        return heard

    def was_answered(self, ping: str) -> bool:
        """Return whether a worker has run the ping with this id."""
        try:
            result = self._redis.get(f"{self._prefix}{RESULT_KEY}{ping}")
        except RedisError:
            return False
        return isinstance(result, bytes) and json.loads(result)["status"] == "SUCCESS"

    def close(self) -> None:
        """Close the connections."""
        self._celery.close()
        self._redis.close()


def check(queue: str, seconds: float = HEALTHY_SECONDS) -> int:
    """Ping a queue of the hub that the environment names; return the exit status: 0 if a worker answered in time."""
    canary = Canary(settings().redis_address, settings().redis_prefix)
    ping = canary.send(queue)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if canary.was_answered(ping):
            return 0
        time.sleep(POLL_SECONDS)
    print(f"no worker answered on {queue} within {seconds:g} s", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(check(sys.argv[1]))
