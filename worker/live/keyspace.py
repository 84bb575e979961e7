"""The hub's keys in Redis, and the errors of a Redis that cannot be used now."""

from dataclasses import dataclass

import redis

UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, redis.OutOfMemoryError)
"""What is raised while Redis is unavailable, failing over or full; the same may succeed later."""


@dataclass(frozen=True, slots=True)
class Keyspace:
    """A client, and the prefix that all of the hub's keys have."""

    client: redis.Redis
    prefix: str

    def key(self, name: str) -> str:
        """Return a key below the hub's prefix."""
        return self.prefix + name
