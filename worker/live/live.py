"""Redis, as the hub uses it beside the queues."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import redis

from worker.live.documents import Documents
from worker.live.epoch import Epoch
from worker.live.events import Events
from worker.live.keyspace import Keyspace
from worker.live.spaces import Spaces
from worker.live.wake_ups import WakeUps


@dataclass(frozen=True, slots=True)
class Live:
    """All that the hub shows and carries through Redis."""

    keyspace: Keyspace
    epoch: Epoch
    spaces: Spaces
    events: Events
    wake_ups: WakeUps
    documents: Documents

    @classmethod
    def over(cls, client: redis.Redis, prefix: str, zone: ZoneInfo) -> "Live":
        """Wire all parts over a client, without connecting."""
        keyspace = Keyspace(client, prefix)
        epoch = Epoch(keyspace)
        return cls(
            keyspace,
            epoch,
            Spaces(keyspace, epoch, zone),
            Events(keyspace),
            WakeUps(keyspace),
            Documents(keyspace),
        )

    @property
    def client(self) -> redis.Redis:
        """Return the client of all parts."""
        return self.keyspace.client

    def key(self, name: str) -> str:
        """Return a key below the hub's prefix."""
        return self.keyspace.key(name)
