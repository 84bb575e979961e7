"""One provider's log of requests, and its orders to misbehave."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from integrations.sandbox.misbehaviour import Kind, Misbehaviour
from integrations.sandbox.records import Reply, Sent

LOG_BYTES = 32_000_000  # of bodies, for each provider; a batch may have 100 kB


def monotonic_ms() -> float:
    """Return the clock that all processes of a machine share, in milliseconds."""
    return time.monotonic_ns() / 1e6


@dataclass(slots=True)
class Entry:
    """One request; times in milliseconds of the monotonic clock; status is None until it is answered."""

    sequence: int
    sent: Sent
    arrived_ms: float
    references: tuple[str, ...] = ()
    status: int | None = None
    applied_ms: float | None = None


class State:
    """One provider's requests and orders."""

    def __init__(self, log_limit: int) -> None:
        """Start empty; the log keeps the latest `log_limit` requests, fewer if they are large."""
        self.log: deque[Entry] = deque()
        self._log_limit = log_limit
        self._log_bytes = 0
        self.received = 0
        self.applied = 0
        self._misbehaviours: list[Misbehaviour] = []
        self._late: set[asyncio.TimerHandle] = set()

    def enter(self, sent: Sent, arrived_ms: float) -> Entry:
        """Log a request."""
        self.received += 1
        entry = Entry(self.received, sent, arrived_ms)
        self.log.append(entry)
        self._log_bytes += len(sent.body)
        while len(self.log) > self._log_limit or self._log_bytes > LOG_BYTES:
            self._log_bytes -= len(self.log.popleft().sent.body)
        return entry

    @property
    def late(self) -> int:
        """Return how many requests are still to be carried out."""
        return len(self._late)

    def apply(self, reply: Reply, entry: Entry) -> None:
        """Carry out a request."""
        if reply.effect is not None:
            reply.effect()
            self.applied += 1
        elif reply.rows:
            for effect in reply.rows:
                effect()
            self.applied += len(reply.rows)
        else:
            return
        entry.applied_ms = monotonic_ms()

    def apply_later(self, reply: Reply, entry: Entry, delay_ms: float) -> None:
        """Carry out a request after a delay, unless a reset comes first."""

        def apply() -> None:
            self._late.discard(timer)
            self.apply(reply, entry)

        timer = asyncio.get_running_loop().call_later(delay_ms / 1000, apply)
        self._late.add(timer)

    def misbehave(self, order: Misbehaviour) -> None:
        """Add an order, to be followed after the earlier ones."""
        self._misbehaviours.append(order)

    def behave(self) -> None:
        """Drop all orders; late requests are still applied."""
        self._misbehaviours.clear()

    def misbehaviour(self, sent: Sent, reply: Reply) -> Misbehaviour | None:
        """Return the order that applies to this request, or None."""
        if not self._misbehaviours:
            return None
        return next((order for order in self._standing() if order.applies(sent, reply)), None)

    def certificate_expired(self) -> bool:
        """Return whether a handshake gets an expired certificate."""
        orders = (order for order in self._standing() if order.kind is Kind.EXPIRED_CERTIFICATE)
        return any(order.counts() for order in orders)

    def reset(self) -> None:
        """Drop all requests and orders."""
        self.log.clear()
        self._log_bytes = 0
        self.received = self.applied = 0
        self.behave()
        for timer in self._late:
            timer.cancel()
        self._late.clear()

    def _standing(self) -> list[Misbehaviour]:
        now = time.monotonic()
        self._misbehaviours = [order for order in self._misbehaviours if not order.has_ended(now)]
        return self._misbehaviours
