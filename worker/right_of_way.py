"""The right of way of a resident's decision: while one is under way, routine work stands aside.

A key in Redis that expires by itself says that a decision is under way. Routine work looks at it before it claims or
sends, and between its transactions. Nothing depends on it: without Redis, nobody stands aside.

Each process stands aside for at most `LONGEST_SECONDS` at a time, and then works for at least as long as it stood, so
that at least half of the time is kept for routine work, even in a flood of decisions.
"""

import asyncio
import time

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

LONGEST_SECONDS = 0.3  # also how long a right of way lasts if nobody gives it up
LOOK_SECONDS = 0.005
REDIS_SECONDS = 0.1  # for an answer, while requests to a provider wait
ALONE_SECONDS = 5.0  # until Redis is asked again

log = structlog.get_logger()


class RightOfWay:
    """One process's view of it."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        """Prepare without connecting."""
        self._redis = redis.Redis.from_url(
            redis_url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 0)
        )
        self._key = f"{prefix}right_of_way"
        self._works_until = 0.0

    def take(self) -> None:
        """Have routine work stand aside from now on."""
        try:
            self._redis.set(self._key, 1, px=int(LONGEST_SECONDS * 1_000))
        except redis.RedisError as error:
            log.warning("right_of_way.not_taken", error=type(error).__name__)

    def give_up(self) -> None:
        """Let routine work go on."""
        try:
            self._redis.unlink(self._key)
        except redis.RedisError as error:  # it expires
            log.warning("right_of_way.not_given_up", error=type(error).__name__)

    async def stand_aside(self) -> None:
        """Wait while a decision has the right of way."""
        began = time.monotonic()
        while self._is_to_stand(began):  # noqa: ASYNC110 - the key is in Redis
            await asyncio.sleep(LOOK_SECONDS)

    def stand_aside_blocking(self) -> None:
        """Wait in this thread while a decision has the right of way."""
        began = time.monotonic()
        while self._is_to_stand(began):
            time.sleep(LOOK_SECONDS)

    def _is_to_stand(self, began: float) -> bool:
        now = time.monotonic()
        if now < self._works_until:
            return False
        stands = now - began < LONGEST_SECONDS and self._is_taken(now)
        if not stands:
            # A look costs a round trip: the next comes later, and after standing only once as much time was worked.
            self._works_until = max(self._works_until, now + max(LOOK_SECONDS, now - began))
        return stands

    def _is_taken(self, now: float) -> bool:
        try:
            return bool(self._redis.exists(self._key))
        except redis.RedisError as error:
            self._works_until = now + ALONE_SECONDS
            log.warning("right_of_way.unknown", error=type(error).__name__)
            return False
