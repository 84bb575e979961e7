"""Drive a peer from its own environment: `python -m bench.peers.drive MODULE`.

Each line of standard input is an order, a JSON list of its name and arguments; each line of standard output its answer.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from importlib import import_module
from typing import Protocol, cast
from uuid import uuid4

from bench.peers.contracts import CONTRACTS, Permit, Push

AT_ONCE = 400  # pushes, while permits are shared before a measurement


class Peer(Protocol):
    """What a peer's module has."""

    def enqueue(self, pushes: Iterable[Push]) -> None:
        """Put pushes on the queue."""

    def confirm(self, pushes: Iterable[Push]) -> None:
        """Put urgent pushes on the queue, and wait until each is recorded."""

    def no_op(self) -> None:
        """Send a task that does nothing, and wait until it has run."""

    def purge(self) -> None:
        """Drop what waits in the queue."""


def no_ops(peer: Peer, number: int) -> list[float]:
    """Return the milliseconds that tasks which do nothing take, there and back, one after the other."""
    return [_milliseconds(peer.no_op) for _ in range(number)]


def share(peer: Peer, number: int) -> list[str]:
    """Push new permits to every provider, wait for all, and return their references."""
    pushes = list(_new(number))
    for start in range(0, len(pushes), AT_ONCE):
        peer.confirm(pushes[start : start + AT_ONCE])
    return list(dict.fromkeys(one.reference for one in pushes))


def enqueue(peer: Peer, number: int) -> None:
    """Put that many pushes of new permits on the queue."""
    peer.enqueue(_new(number // len(CONTRACTS)))


def withdraw(peer: Peer, reference: str) -> float:
    """Remove a permit from every provider; return the milliseconds until each removal is recorded."""
    removals = [Push(provider, reference, None) for provider in CONTRACTS]
    return _milliseconds(lambda: peer.confirm(removals))


def purge(peer: Peer) -> None:
    """Drop what waits in the queue."""
    peer.purge()


ORDERS: dict[str, Callable[..., object]] = {
    order.__name__: order for order in (no_ops, share, enqueue, withdraw, purge)
}


def _new(permits: int) -> Iterator[Push]:
    today = date.today()  # noqa: DTZ011 - any day will do
    for number in range(permits):
        reference = str(uuid4())
        permit = Permit(
            plate=f"QZ{number:06d}X",
            country="FR",
            zones=["14A", "14B"],
            profile="standard",
            first_day=(today - timedelta(days=10)).isoformat(),
            last_day=(today + timedelta(days=300)).isoformat(),
        )
        yield from (Push(provider, reference, permit) for provider in CONTRACTS)


def _milliseconds(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Carry out orders until standard input ends."""
    peer = cast("Peer", import_module(f"bench.peers.{sys.argv[1]}"))
    for line in sys.stdin:
        name, *given = json.loads(line)
        print(json.dumps(ORDERS[name](peer, *given)), flush=True)


if __name__ == "__main__":
    main()
