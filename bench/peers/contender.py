"""What the hub and the peers have in common while they are measured."""

from collections.abc import Sequence
from typing import Any, Protocol


class Contender(Protocol):
    """One of those who are measured, while it runs."""

    @property
    def process_ids(self) -> Sequence[int]:
        """Return all its processes, servers included."""

    @property
    def worker_ids(self) -> Sequence[int]:
        """Return those that are its own: without PostgreSQL, Valkey and what is only shown or stands in."""

    def share(self, number: int) -> Sequence[Any]:
        """Have that many permits confirmed by all providers; return what `withdraw` takes."""

    def withdraw(self, permit: Any) -> float:
        """Withdraw a permit from all providers; return the milliseconds until each removal is recorded."""

    def enqueue(self, pushes: int) -> int:
        """Have about that many pushes waiting, and begin with them; return how many there are."""

    def purge(self) -> None:
        """Drop the pushes that wait."""
