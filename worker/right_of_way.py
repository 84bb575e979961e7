"""The right of way of a resident's decision: while one is under way, routine work stands aside.

Two sets in Redis, which expire by themselves, hold a token for each decision under way: first among those being
decided, then, from its commit on, among those being sent. Routine work looks at them before it claims or sends, and
between its transactions. Nothing depends on them: without Redis, all work goes on.

Each process stands aside for at most `LONGEST_SECONDS` at a time, and then works for at least as long as it stood, so
that at least half of the time is kept for routine work, even in a flood of decisions.
"""

import time
from collections.abc import Collection, Sequence
from typing import cast
from uuid import uuid4

from worker.quick_redis import QuickRedis

LONGEST_SECONDS = 0.3  # also how long the sets last after the latest decision
LOOK_SECONDS = 0.005

Token = str


class RightOfWay:
    """The right of way as one process takes, gives up and looks at it."""

    def __init__(self, redis_url: str, prefix: str) -> None:
        """Prepare without connecting."""
        self._redis = QuickRedis(redis_url, "right of way")
        self._deciding = f"{prefix}right_of_way:deciding"
        self._sending = f"{prefix}right_of_way:sending"
        self._works_until = 0.0
        self._stands_since: float | None = None

    def take(self) -> Token:
        """Have routine work stand aside from now on, for a decision that is not yet committed."""
        token = uuid4().hex
        self._tell_of(self._deciding, ("SADD", self._deciding, token))
        return token

    def hand_over(self, token: Token) -> None:
        """Leave a committed decision's right to the urgent drain that it wakes next."""
        self._tell_of(self._sending, ("SMOVE", self._deciding, self._sending, token))

    def handed_over(self) -> Collection[Token]:
        """Return the tokens handed over so far: an urgent drain that begins now sends for all of these decisions."""
        return cast(Collection[Token], self._redis.ask(lambda: self._redis.client.smembers(self._sending)) or ())

    def give_up(self, tokens: Collection[Token]) -> None:
        """Let routine work go on, as far as only these decisions are under way."""
        if tokens:
            self._redis.tell(("SREM", self._deciding, *tokens), ("SREM", self._sending, *tokens))

    def stand_aside(self) -> None:
        """Wait in this thread while a decision has the right of way."""
        while self.is_taken():
            time.sleep(LOOK_SECONDS)

    def is_taken(self) -> bool:
        """Return whether routine work is to stand aside now; it is asked again and again until it is not."""
        began = time.monotonic()
        if began < self._works_until:
            return False
        is_taken = bool(self._redis.ask(lambda: self._redis.client.exists(self._deciding, self._sending)))
        now = time.monotonic()  # the look, which may be slow, counts as standing
        self._stands_since = began if self._stands_since is None else self._stands_since
        stood = now - self._stands_since
        if is_taken and stood < LONGEST_SECONDS:
            return True
        self._works_until = max(self._works_until, now + max(LOOK_SECONDS, stood))
        self._stands_since = None
        return False

    def _tell_of(self, key: str, command: Sequence[str]) -> None:
        self._redis.tell(command, ("PEXPIRE", key, str(int(LONGEST_SECONDS * 1_000))))
