"""The hub as one of the contenders."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.backlog import NOT_DUE, make_due
from bench.ground import Ground, Inhabitant
from bench.peers.stand_ins import StandIns
from bench.withdrawals import withdraw
from ops.embedded.stack import Stack

NOT_WORKERS = frozenset({"postgres", "valkey", "sandbox", "mailbox", "flower"})


class MeasuredStack(Stack):
    """The hub's stack, led to the stand-ins that all contenders share; the city's own hub stays in its sandbox."""

    def __init__(self, data: Path, stand_ins: StandIns) -> None:
        """Set the data folder and the stand-ins."""
        super().__init__(data, with_web_app=False)
        self._stand_ins = stand_ins

    @property
    def environment(self) -> dict[str, str]:
        """Return the hub's settings."""
        return super().environment | self._stand_ins.environment


class HubContender:
    """The hub: jobs through its client, a backlog made due in its tables."""

    def __init__(self, ground: Ground) -> None:
        """Take a running stack."""
        self._ground = ground

    @property
    def process_ids(self) -> Sequence[int]:
        """Return all processes of its stack."""
        return list(self._ground.stack.process_ids.values())

    @property
    def worker_ids(self) -> Sequence[int]:
        """Return its workers and its beat."""
        return [number for name, number in self._ground.stack.process_ids.items() if name not in NOT_WORKERS]

    def share(self, number: int) -> Sequence[Inhabitant]:
        """Import residents, let them consent, and wait until each share is confirmed."""
        return self._ground.sharing(number)

    def withdraw(self, permit: Inhabitant) -> float:
        """Withdraw consent; return the milliseconds until the event that the last provider has confirmed."""
        ((taken,), _) = withdraw(self._ground, [permit])
        return taken

    def enqueue(self, pushes: int) -> int:
        """Make shares due."""
        return make_due(self._ground, pushes)

    def purge(self) -> None:
        """Make the rest of them not due."""
        self._ground.database.execute(NOT_DUE)


@contextmanager
def running(data: Path, stand_ins: StandIns) -> Iterator[HubContender]:
    """Run the hub's stack."""
    with MeasuredStack(data, stand_ins) as stack:
        ground = replace(Ground.on(stack), control=stand_ins.control)
        try:
            yield HubContender(ground)
        finally:
            ground.hub.close()
            ground.redis.close()
            ground.database.close()
