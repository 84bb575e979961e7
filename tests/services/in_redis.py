"""What the hub keeps in Redis, read as it was written."""

from worker.hub import Hub


def read_document(hub: Hub, name: str) -> bytes:
    """Return the document under a key, which must be there."""
    return _written(hub.live.client.get(hub.live.key(name)))


def read_set(hub: Hub, name: str) -> list[bytes]:
    """Return the members of a set."""
    return [_written(member) for member in hub.live.client.smembers(hub.live.key(name))]


def read_stream(hub: Hub, name: str = "events") -> list[bytes]:
    """Return the events in a stream, oldest first."""
    entries = hub.live.client.xrange(hub.live.key(name)) or ()
    return [_written((fields or {}).get(b"event")) for _, fields in entries]


def _written(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
