"""The right of way of a resident's decision: while one is under way, routine work stands aside.

A key in Redis that expires by itself says that a decision is under way. Routine work looks at it before it claims or
sends, and between its transactions. Nothing depends on it: without Redis, all work goes on.

Each process stands aside for at most `LONGEST_SECONDS` at a time, and then works for at least as long as it stood, so
that at least half of the time is kept for routine work, even in a flood of decisions.
"""

import time
from typing import Any

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

LONGEST_SECONDS = 0.3  # also how long a right of way lasts if it is not given up
LOOK_SECONDS = 0.005
REDIS_SECONDS = 0.1  # for an answer, while requests to a provider wait
ALONE_SECONDS = 5.0  # until Redis is asked again

log = structlog.get_logger()


class RightOfWay:
    """The right of way as one process takes, gives up and looks at it."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        """Prepare without connecting."""
        self._redis = redis.Redis.from_url(
            redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 0)
        )
        self._key = f"{prefix}right_of_way"
        self._works_until = 0.0
        self._stands_since: float | None = None

    def take(self) -> None:
        """Have routine work stand aside from now on; the decision does not wait for the server's answer."""
        try:
            self._send("SET", self._key, 1, "PX", int(LONGEST_SECONDS * 1_000))
        except redis.RedisError as error:
            log.warning("right_of_way.not_taken", error=type(error).__name__)

    def give_up(self) -> None:
        """Let routine work go on."""
        try:
            self._redis.unlink(self._key)
        except redis.RedisError as error:  # it expires
            log.warning("right_of_way.not_given_up", error=type(error).__name__)

    def stand_aside(self) -> None:
        """Wait in this thread while a decision has the right of way."""
        while self.is_taken():
            time.sleep(LOOK_SECONDS)

    def is_taken(self) -> bool:
        """Return whether routine work is to stand aside now; it is asked again and again until it is not."""
        began = time.monotonic()
        if began < self._works_until:
            return False
        is_taken = self._look()
        now = time.monotonic()  # the look, which may be slow, counts as standing
        self._stands_since = began if self._stands_since is None else self._stands_since
        stood = now - self._stands_since
        if is_taken and stood < LONGEST_SECONDS:
            return True
        self._works_until = max(self._works_until, now + max(LOOK_SECONDS, stood))
        self._stands_since = None
        return False

    def _send(self, *command: str | int) -> None:
        """Send a command that the server is not to answer."""
        pool = self._redis.connection_pool
        connection: Any = pool.get_connection()  # redis-py's connections have no types
        try:
            connection.send_packed_command(connection.pack_commands([("CLIENT", "REPLY", "SKIP"), command]))
        finally:
            pool.release(connection)

    def _look(self) -> bool:
        try:
            return bool(self._redis.exists(self._key))
        except redis.RedisError as error:
            self._works_until = time.monotonic() + ALONE_SECONDS
            log.warning("right_of_way.unknown", error=type(error).__name__)
            return False
