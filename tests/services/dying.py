"""A worker that dies between its commit and what follows."""

from collections.abc import Sequence

from worker.live import Answer, Live, Publication


class DiedError(Exception):
    """A worker is gone between its commit and what follows."""


class Dying(Live):
    """Redis as a worker sees it that dies before it publishes; what it would have published is kept."""

    def publish(self, publications: Sequence[Publication]) -> list[Answer]:
        self.unsent = publications
        raise DiedError
