"""Random secrets that each stand for a value on this server, for a limited time."""

import secrets
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Tickets(Generic[Value]):
    """Tickets in memory; a restart loses them."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Set how long a ticket is valid."""
        self._seconds, self._clock = seconds, clock
        self._given: dict[str, tuple[float, Value]] = {}

    @property
    def seconds(self) -> int:
        """Return how long a ticket is valid."""
        return int(self._seconds)

    def give(self, value: Value) -> str:
        """Return a new ticket for a value."""
        now = self._clock()
        self._given = {ticket: held for ticket, held in self._given.items() if held[0] > now}
        ticket = secrets.token_urlsafe(32)
        self._given[ticket] = (now + self._seconds, value)
        return ticket

    def show(self, ticket: str) -> Value | None:
        """Return a ticket's value; None if the ticket is unknown or expired."""
        until, value = self._given.get(ticket, (0.0, None))
        return value if until > self._clock() else None

    def withdraw(self, ticket: str) -> None:
        """Delete a ticket."""
        self._given.pop(ticket, None)
