"""A channel in memory with the real interface: it keeps the notices sent, and can be made to fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol
from uuid import UUID

from integrations.base import Limit
from integrations.channels.base import ChannelError, Notice
from worker.hub import Hub
from worker.limiter import Limiter
from worker.services.reminders.send import Sender


class Send(Protocol):
    def __call__(self, day: date = ...) -> bool: ...


class Remind(Protocol):
    def __call__(self, resident: str = ..., days: int = ..., **contact: str) -> UUID: ...


Ledger = Callable[[], list[tuple[str, str | None, int, int]]]
"""Returns state, code, failures and `maybe_sent` of each reminder."""


@dataclass
class Outbox:
    """Keeps every notice; `failure` is called before each and may return an error to raise."""

    name: str = "email"
    at_once: int = 4
    limits: tuple[Limit, ...] = ()
    sent: list[Notice] = field(default_factory=list)
    failure: Callable[[Notice], BaseException | None] = lambda _: None
    late: bool = False  # it fails only after sending

    async def send(self, notice: Notice, deadline: float) -> None:
        failure = self.failure(notice)
        if failure is None or self.late:
            self.sent.append(notice)
        if failure is not None:
            raise failure

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    @property
    def offsets(self) -> list[int]:
        """Return how many days before their day the notices went out."""
        return [notice.days_left for notice in self.sent]


def sender_of(hub: Hub, outbox: Outbox) -> Sender:
    """Return a sender for a channel, as a process keeps one."""
    configured = hub.settings
    return Sender(hub, outbox, Limiter(configured.redis_url, configured.redis_prefix, outbox.name, outbox.limits))


def failing(error: type[ChannelError], code: str = "code") -> Callable[[Notice], ChannelError]:
    """Return a failure of each notice, for an outbox."""
    return lambda _: error("email", code)
