"""The epoch: it changes when Redis may have lost data, or restored old data; and the mark of the last sweep."""

from dataclasses import dataclass

from worker.live.keyspace import Keyspace


@dataclass(frozen=True, slots=True)
class Remembered:
    """What Redis remembers of the hub; None after a loss."""

    run_id: str
    epoch: int | None
    mark: int | None


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

    def remembered(self) -> Remembered:
        """Return what Redis remembers."""
        pipeline = self._keyspace.client.pipeline(transaction=False)
        pipeline.info("server")
        pipeline.get(self._keyspace.key("epoch"))
        pipeline.get(self._keyspace.key("mark"))
        server, epoch, mark = pipeline.execute()
        return Remembered(
            str(server["run_id"]), None if epoch is None else int(epoch), None if mark is None else int(mark)
        )

    def remember(self, mark: int) -> None:
        """Have Redis remember the mark of a sweep."""
        self._keyspace.client.set(self._keyspace.key("mark"), mark)

    def run_id(self) -> str:
        """Return the id of the running Redis process; a new process may have lost or restored data."""
        return str(self._keyspace.client.info("server")["run_id"])
