"""Secrets that stand for something on this server, for a while."""

import secrets
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Tickets(Generic[Value]):
    """What was given out, in memory: a restart forgets it all."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Say for how long a ticket is good."""
        self._seconds, self._clock = seconds, clock
        self._given: dict[str, tuple[float, Value]] = {}

    @property
    def seconds(self) -> int:
        """Return for how long a ticket is good."""
        return int(self._seconds)

    def give(self, value: Value) -> str:
        """Return a new ticket for something."""
        now = self._clock()
        self._given = {ticket: held for ticket, held in self._given.items() if held[0] > now}
        ticket = secrets.token_urlsafe(32)
        self._given[ticket] = (now + self._seconds, value)
        return ticket

    def show(self, ticket: str) -> Value | None:
        """Return what a ticket stands for, or None if it is unknown or too old."""
        until, value = self._given.get(ticket, (0.0, None))
        return value if until > self._clock() else None

    def withdraw(self, ticket: str) -> None:
        """Make a ticket worthless."""
        self._given.pop(ticket, None)
