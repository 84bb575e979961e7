"""A worker that dies between its commit and what follows."""

from collections.abc import Sequence

from worker.live.spaces import Publication, PublishOutcome, Spaces


class DiedError(Exception):
    """A worker is gone between its commit and what follows."""


class Dying(Spaces):
    """Redis as a worker sees it that dies before it publishes; what it would have published is kept."""

    def publish(self, publications: Sequence[Publication]) -> list[PublishOutcome]:
        self.unsent = publications
        raise DiedError
