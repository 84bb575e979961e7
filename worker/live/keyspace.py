"""The hub's keys in Redis, and the errors that mean that Redis is unavailable."""

from dataclasses import dataclass

import redis

UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.OutOfMemoryError)
"""The errors while Redis is unavailable, failing over or full; a retry may succeed."""


@dataclass(frozen=True, slots=True)
class Keyspace:
    """A client, and the prefix of all the hub's keys."""

    client: redis.Redis
    prefix: str

    def key(self, name: str) -> str:
        """Return a key below the hub's prefix."""
        return self.prefix + name
