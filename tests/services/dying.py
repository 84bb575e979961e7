"""A worker that dies between its commit and its publishing."""

from collections.abc import Sequence

from tests.services.upstream import Upstream
from worker.live.spaces import Publication, PublishOutcome, Spaces


class DiedError(Exception):
    """The worker died between its commit and its publishing."""


class Dying(Spaces):
    """Redis for a worker that dies before it publishes; the publications are kept."""

    def publish(self, publications: Sequence[Publication]) -> list[PublishOutcome]:
        self.unsent = publications
        raise DiedError


def unsent(dying: Upstream) -> Sequence[Publication]:
    """Return the publications of the last job that such a worker died with."""
    spaces = dying.hub.live.spaces
    assert isinstance(spaces, Dying)
    return spaces.unsent
