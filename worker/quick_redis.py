"""Redis for what can go on without it: it answers soon, or is left alone for a while."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

T = TypeVar("T")

ANSWER_SECONDS = 0.2  # requests to a provider wait meanwhile
ALONE_SECONDS = 5.0  # after a failure, until Redis is asked again

_SKIP = ("CLIENT", "REPLY", "SKIP")

log = structlog.get_logger()


class QuickRedis:
    """One client with short time-outs and no retries; `user` names in the log what goes on alone."""

    def __init__(self, redis_url: str, user: str) -> None:
        """Prepare without connecting."""
        self.client = redis.Redis.from_url(
            redis_url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._user = user
        self._alone_until = 0.0

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return the answer; None while Redis is unavailable."""
        if time.monotonic() < self._alone_until:
            return None
        try:
            return question()
        except redis.RedisError as error:
            self._alone_until = time.monotonic() + ALONE_SECONDS
            log.warning("redis.left_alone", by=self._user, error=type(error).__name__)
            return None

    def tell(self, *commands: Sequence[str]) -> None:
        """Send commands that the server is not to answer; nothing waits for them."""
        self.ask(lambda: self._send([each for command in commands for each in (_SKIP, command)]))

    def _send(self, commands: Sequence[Sequence[str]]) -> None:
        pool = self.client.connection_pool
        connection: Any = pool.get_connection()  # redis-py's connections have no types
        try:
            connection.send_packed_command(connection.pack_commands(commands))
        finally:
            pool.release(connection)
