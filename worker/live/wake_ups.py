"""Wake-ups of drains and of channels: at most one at a time for each."""

from collections.abc import Sequence
from uuid import uuid4

from worker.live.keyspace import Keyspace

URGENT = "urgent"
"""The lane for what residents decide on their data, at all providers; each other lane has its provider's name."""

WAKE_UP_SECONDS = 10  # a lost wake-up silences its lane no longer than this


class WakeUps:
    """The lanes and channels that are being woken."""

    def __init__(self, keyspace: Keyspace) -> None:
        self._keyspace = keyspace

    def begin(self, names: Sequence[str]) -> list[str]:
        """Begin wake-ups; return the names that were not already being woken.

        Each call writes a token of its own: sent again after a lost answer, it finds what it began itself.
        """
        token = uuid4().hex.encode()
        pipeline = self._keyspace.client.pipeline(transaction=False)
        for key in (self._keyspace.key(f"wake_up:{name}") for name in names):
            pipeline.set(key, token, nx=True, ex=WAKE_UP_SECONDS)
            pipeline.get(key)
        found = pipeline.execute()[1::2]
        return [name for name, begun_by in zip(names, found, strict=True) if begun_by == token]

    def end(self, name: str) -> None:
        """End a wake-up, before its work is read: a later change needs a new one."""
        self._keyspace.client.unlink(self._keyspace.key(f"wake_up:{name}"))
