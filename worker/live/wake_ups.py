"""Wake-ups of drains and of channels: at most one on its way to each."""

from collections.abc import Sequence

from worker.live.keyspace import Keyspace

WAKE_UP_SECONDS = 10  # a lost wake-up silences its lane no longer than this


class WakeUps:
    """Who is being woken."""

    def __init__(self, keyspace: Keyspace) -> None:
        self._keyspace = keyspace

    def begin(self, names: Sequence[str]) -> list[str]:
        """Note wake-ups; return the names that were not already being woken."""
        pipeline = self._keyspace.client.pipeline(transaction=False)
        for name in names:
            pipeline.set(self._keyspace.key(f"wake_up:{name}"), 1, nx=True, ex=WAKE_UP_SECONDS)
        return [name for name, begun in zip(names, pipeline.execute(), strict=True) if begun]

    def end(self, name: str) -> None:
        """End a wake-up, before the first look at what is due: a later change needs a new one."""
        self._keyspace.client.unlink(self._keyspace.key(f"wake_up:{name}"))
