"""What one provider's server holds, was sent, and was told to do wrong."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from uuid import UUID

from integrations.sandbox.misbehaviour import Misbehaviour
from integrations.sandbox.records import Change, Record


def monotonic_ms() -> float:
    """Return the clock that all processes of a machine share, in milliseconds."""
    return time.monotonic_ns() / 1e6


@dataclass(slots=True)
class Entry:
    """One request that came in; times in milliseconds of the monotonic clock; status is None while not answered."""

    sequence: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    arrived_ms: float
    status: int | None = None
    applied_ms: float | None = None


class State:
    """One provider's memory."""

    def __init__(self, log_limit: int) -> None:
        """Start empty; the log keeps the latest `log_limit` requests."""
        self.held: dict[UUID, Record] = {}
        self.log: deque[Entry] = deque(maxlen=log_limit)
        self.received = 0
        self.applied = 0
        self._misbehaviours: list[Misbehaviour] = []
        self._late: set[asyncio.TimerHandle] = set()

    def enter(self, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes, arrived: float) -> Entry:
        """Log a request."""
        self.received += 1
        entry = Entry(self.received, method, path, headers, body, arrived)
        self.log.append(entry)
        return entry

    def apply(self, change: Change | None, entry: Entry) -> None:
        """Carry out a request."""
        if change is None:
            return
        if change.record is None:
            self.held.pop(change.reference, None)
        else:
            self.held[change.reference] = change.record
        self.applied += 1
        entry.applied_ms = monotonic_ms()

    def apply_later(self, change: Change | None, entry: Entry, delay_ms: float) -> None:
        """Carry out a request after a delay, unless a reset comes first."""

        def apply() -> None:
            self._late.discard(timer)
            self.apply(change, entry)

        timer = asyncio.get_running_loop().call_later(delay_ms / 1000, apply)
        self._late.add(timer)

    def misbehave(self, order: Misbehaviour) -> None:
        """Follow an order from now on, after the ones given before."""
        self._misbehaviours.append(order)

    def behave(self) -> None:
        """Forget all orders; what is to be applied late still is."""
        self._misbehaviours.clear()

    def misbehaviour(self, method: str) -> Misbehaviour | None:
        """Return the order that this request suffers from."""
        if not self._misbehaviours:
            return None
        now = time.monotonic()
        self._misbehaviours = [order for order in self._misbehaviours if not order.lapsed(now)]
        return next((order for order in self._misbehaviours if order.strikes(method)), None)

    def reset(self) -> None:
        """Forget everything."""
        self.held.clear()
        self.log.clear()
        self.received = self.applied = 0
        self.behave()
        for timer in self._late:
            timer.cancel()
        self._late.clear()
