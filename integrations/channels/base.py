"""The interface between reminders and every channel, and its errors.

ChannelError
├── UnavailableError     surely not sent, and no other can be: no connection, wrong access, a server that shuts down
├── LaterError           surely not sent to this recipient now: 4xx, greylisting
├── NoticeUnclearError   may have been sent: the connection was lost before the reply
└── NoticeRefusedError   refused for good: the same message will be refused again
    └── AddressRefusedError   because of the recipient's address: every message to it will be refused
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from integrations.base import Limit
from schemas.jobs import Language


class Occasion(StrEnum):
    """The subject of a reminder."""

    EXPIRY = "expiry"  # a permit's last term ends, or has ended
    PAYMENT = "payment"  # an unpaid change lapses


class Unpaid(StrEnum):
    """The change that a payment is for."""

    REQUEST = "request"
    RENEWAL = "renewal"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Bill:
    """An unpaid change: its price in euro cents, and the last day to pay."""

    unpaid: Unpaid
    cents: int
    pay_by: date


@dataclass(frozen=True, slots=True)
class Notice:
    """One reminder, read from the truth right before it is sent.

    Days are civil days in the city's time zone. `last_day` is the term's for an EXPIRY, and the last day to pay for a
    PAYMENT; `days_left` is 0 on that day and negative after it. A PAYMENT has a `bill`, and an EXPIRY whose renewal is
    requested and unpaid.
    """

    reminder_id: UUID  # the same at each attempt: a message sent twice has one Message-ID
    token: UUID  # of the link that stops reminders
    occasion: Occasion
    language: Language
    name: str = field(repr=False)
    address: str = field(repr=False)
    plate: str = field(repr=False)
    last_day: date
    days_left: int
    bill: Bill | None = None


class Channel(Protocol):
    """One way to reach residents."""

    name: str
    at_once: int  # the most notices sent at once
    limits: tuple[Limit, ...]  # its rate limits

    async def send(self, notice: Notice, deadline: float) -> None:
        """Hand over a notice for delivery, before a deadline in the event loop's time.

        The channel itself keeps the deadline: only it knows whether the notice may have been sent by then.

        Raises:
            ChannelError: the notice was not, or may not have been, accepted.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class ChannelError(Exception):
    """A notice was not, or may not have been, accepted: channel and code, never an address or a server's text."""

    def __init__(self, channel: str, code: str, *, status: int | None = None) -> None:
        super().__init__(f"{channel}: {code}" + (f" ({status})" if status is not None else ""))
        self.channel = channel
        self.code = code
        self.status = status


class UnavailableError(ChannelError):
    """The channel cannot be used now; nothing was sent."""


class LaterError(ChannelError):
    """This recipient cannot be reached now; nothing was sent."""


class NoticeUnclearError(ChannelError):
    """The notice may have been accepted."""


class NoticeRefusedError(ChannelError):
    """The notice is refused for good."""


class AddressRefusedError(NoticeRefusedError):
    """The recipient's address is refused for good."""
