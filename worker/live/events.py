"""The stream of events, for consumers that follow it."""

from collections.abc import Sequence

from schemas.events import ProviderEvent
from worker.live.keyspace import Keyspace

STREAM_LENGTH = 100_000  # events kept for consumers that were offline; the database has them all


class Events:
    """Events about providers; events about residents are published with their spaces."""

    def __init__(self, keyspace: Keyspace) -> None:
        self._keyspace = keyspace

    def append(self, events: Sequence[ProviderEvent]) -> None:
        """Append events to the stream."""
        pipeline = self._keyspace.client.pipeline(transaction=False)
        for event in events:
            pipeline.xadd(
                self._keyspace.key("events"), {"event": event.model_dump_json()}, maxlen=STREAM_LENGTH, approximate=True
            )
        pipeline.execute()
