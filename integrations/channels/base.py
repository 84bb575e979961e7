"""The contract between the reminders and every channel, and what can go wrong with one.

ChannelError
├── UnavailableError     surely not sent, as nothing can be now: no connection, wrong access, a server that shuts down
├── LaterError           surely not sent to this recipient now: 4xx, greylisting
├── NoticeUnclearError   may or may not have been sent: the connection was lost while the answer was awaited
└── NoticeRefusedError   refused for good: the same message will be refused again
    └── AddressRefusedError   because of the recipient's address, which will be refused again for any message
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from integrations.base import Limit
from schemas.jobs import Language


class Occasion(StrEnum):
    """What a resident is reminded of."""

    EXPIRY = "expiry"  # a permit's last term ends, or has ended
    PAYMENT = "payment"  # what was not paid lapses


class Unpaid(StrEnum):
    """What a payment is awaited for."""

    REQUEST = "request"
    RENEWAL = "renewal"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Bill:
    """What awaits payment, in cents of a euro, and the last day to pay."""

    unpaid: Unpaid
    cents: int
    pay_by: date


@dataclass(frozen=True, slots=True)
class Notice:
    """One reminder as it goes out: read from the truth just before.

    Days are civil days in the city's time zone, the last one included. `last_day` is the term's of an EXPIRY, and the
    last day to pay of a PAYMENT; `days_left` until then is 0 on that day and negative after it. `bill` is there for
    a PAYMENT, and for an EXPIRY whose renewal is requested and not paid.
    """

    reminder_id: UUID  # the same at each attempt, so that a message sent twice can be told for one
    token: UUID  # whoever shows it wants no further reminders
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
    at_once: int  # how many notices may be on their way
    limits: tuple[Limit, ...]  # how many it takes in any span

    async def send(self, notice: Notice, deadline: float) -> None:
        """Hand a notice over to those who deliver it, before a moment in the event loop's time.

        Only the channel knows what a deadline that has passed means: before anything that could be taken has left, the
        notice surely was not sent.

        Raises:
            ChannelError: it was not, or perhaps not, taken.
        """

    async def aclose(self) -> None:
        """Close the connections."""


class ChannelError(Exception):
    """A notice that was not, or perhaps not, taken: channel and code, never an address or what a server answered."""

    def __init__(self, channel: str, code: str, *, status: int | None = None) -> None:
        super().__init__(f"{channel}: {code}" + (f" ({status})" if status is not None else ""))
        self.channel = channel
        self.code = code
        self.status = status


class UnavailableError(ChannelError):
    """The channel as a whole cannot be used now; nothing was sent."""


class LaterError(ChannelError):
    """This recipient is not served now; nothing was sent."""


class NoticeUnclearError(ChannelError):
    """The notice may have been taken."""


class NoticeRefusedError(ChannelError):
    """The notice is refused for good."""


class AddressRefusedError(NoticeRefusedError):
    """The recipient's address is refused for good."""
