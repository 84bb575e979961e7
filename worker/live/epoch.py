"""The epoch: it changes when Redis may have lost data, or restored old data."""

from worker.live.keyspace import Keyspace


class Epoch:
    """The epoch as this process knows it, and as Redis does."""

    def __init__(self, keyspace: Keyspace) -> None:
        self.known = 0  # documents that this process writes carry it
        self._keyspace = keyspace

    def read(self) -> int | None:
        """Return the epoch in Redis; None after a loss."""
        value = self._keyspace.client.get(self._keyspace.key("epoch"))
        return None if value is None else int(value)

    def start(self, epoch: int) -> None:
        """Start an epoch: documents of any other are no longer written."""
        self._keyspace.client.set(self._keyspace.key("epoch"), epoch)
        self.known = epoch

    def run_id(self) -> str:
        """Return the id of the running Redis process; a new process may have lost or restored data."""
        return str(self._keyspace.client.info("server")["run_id"])
