"""Ask workers whether they work: a `hub.ping` goes through the queue, and its answer comes back."""

from collections.abc import Callable

from celery import Celery
from celery.result import AsyncResult

PING = "hub.ping"
ANSWER_SECONDS = 60


class Canary:
    """A Celery client of its own, bound to no process-wide settings."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        self._app = Celery("canary", broker=redis_url, backend=redis_url, set_as_current=False)
        self._app.conf.update(
            broker_transport_options={"global_keyprefix": prefix},
            result_backend_transport_options={"global_keyprefix": prefix},
            result_expires=ANSWER_SECONDS,
        )

    def answers_on(self, queue: str) -> Callable[[int], bool]:
        """Return a check that sends one ping to the queue and says, at each call, whether it was answered."""
        sent: list[AsyncResult] = []

        def answered(_pid: int) -> bool:
            if not sent:
                sent.append(self._app.send_task(PING, queue=queue, expires=ANSWER_SECONDS, ignore_result=False))
            return bool(sent[0].successful())

        return answered

    def close(self) -> None:
        """Close the connections."""
        self._app.close()
