"""What the hub keeps in Redis, read as it was written: by the operator, since the hub may not do all that tests do."""

from urllib.parse import urlsplit

import redis

from worker.hub import Hub

_operators: dict[int | None, redis.Redis] = {}  # by the server's port


def know_operator(url: str) -> None:
    """Remember how the operator reaches a server."""
    _operators.setdefault(urlsplit(url).port, redis.Redis.from_url(url))


def as_operator(hub: Hub) -> redis.Redis:
    """Return a client of the hub's server that may do everything."""
    return _operators[urlsplit(hub.settings.redis_url).port]


def read_document(hub: Hub, name: str) -> bytes:
    """Return the document under a key, which must be there."""
    return _written(hub.live.client.get(hub.live.key(name)))


def read_set(hub: Hub, name: str) -> list[bytes]:
    """Return the members of a set."""
    return [_written(member) for member in hub.live.client.smembers(hub.live.key(name))]


def read_stream(hub: Hub, name: str = "events") -> list[bytes]:
    """Return the events in a stream, oldest first."""
    entries = as_operator(hub).xrange(hub.live.key(name)) or ()
    return [_written((fields or {}).get(b"event")) for _, fields in entries]


def _written(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
