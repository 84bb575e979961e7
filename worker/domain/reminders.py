"""Which reminder matters on a day, and whether a decided reminder still matters when it is sent.

Reminders are level-triggered: on each day exactly one offset of a schedule matters, the smallest that has begun. So
after days of downtime a resident gets that one, not all that were missed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from integrations.channels.base import Bill, Notice, Occasion, Unpaid
from schemas.jobs import Language
from worker.domain.pending import NewTerm
from worker.domain.permit import Permit, Status
from worker.domain.plate_looks import shown
from worker.domain.tariffs import Tariffs
from worker.domain.terms import add_months

LAPSED_DAYS = 30  # after a lapse, reminders stop: a resident who has not renewed has other plans

SECOND_ATTEMPT = timedelta(seconds=60)
LONGEST_WAIT = timedelta(hours=1)
MOST_MAYBE_SENT = 2  # attempts with an unclear outcome: at most one duplicate


@dataclass(frozen=True, slots=True)
class Schedule:
    """For each occasion, how many days ahead of its day to remind; below 0 for after it."""

    expiry: tuple[int, ...]
    payment: tuple[int, ...]

    def of(self, occasion: Occasion) -> tuple[int, ...]:
        """Return an occasion's offsets."""
        return self.expiry if occasion is Occasion.EXPIRY else self.payment


@dataclass(frozen=True, slots=True)
class Window:
    """The days, first to last, for which a reminder so many days ahead is the one that matters."""

    occasion: Occasion
    days_ahead: int
    first: date
    last: date


class State(StrEnum):
    """Where a reminder stands."""

    DUE = "due"
    SENT = "sent"
    DROPPED = "dropped"  # it no longer mattered
    REFUSED = "refused"  # for good, because of its content
    UNREACHABLE = "unreachable"  # the address was refused: sent again to a new address, or on request to this one
    UNCLEAR = "unclear"  # it may have been sent, twice at most, and is not sent again


class Dropped(StrEnum):
    """Why a reminder is not sent; it is due again if it matters again."""

    SETTLED = "settled"  # renewed, paid, cancelled, ended or erased
    EARLY = "early"  # it was decided by a clock that ran ahead
    SUPERSEDED = "superseded"  # another one matters now, or none
    NOT_WANTED = "not_wanted"
    NO_ADDRESS = "no_address"  # none, or one that refuses mail


@dataclass(frozen=True, slots=True)
class Reminder:
    """One decided reminder; `day` is the last day of a term, or to pay."""

    reminder_id: UUID
    token: UUID
    permit_id: UUID
    occasion: Occasion
    day: date
    days_ahead: int


@dataclass(frozen=True, slots=True)
class Contact:
    """A resident's name, address and language now; `channel` is None if they want no reminders."""

    channel: str | None
    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    language: Language | None = None
    email_refused_at: datetime | None = None

    @property
    def address(self) -> str | None:
        """Return the address that takes mail, or None."""
        return self.email if self.email_refused_at is None else None


def spans(offsets: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """Yield each offset with the least and the most days left for which it is the one that matters.

    An offset ahead of the day matters until the next offset, or until the day itself; one after the day for
    `LAPSED_DAYS` at most.
    """
    nearer: int | None = None
    for offset in sorted(offsets):
        latest = offset - LAPSED_DAYS if offset < 0 else 0
        yield offset, latest if nearer is None else max(latest, nearer + 1), offset
        nearer = offset


def offset_for(days_left: int, offsets: Iterable[int]) -> int | None:
    """Return the offset that matters when so many days are left, or None."""
    return next((offset for offset, least, most in spans(offsets) if least <= days_left <= most), None)


def windows(today: date, schedule: Schedule, tariffs: Tariffs, until: date | None = None) -> list[Window]:
    """Return the reminders that matter from today to `until`; of an expiry, not before the permit can be renewed."""
    until = until or today
    renewable = _last_renewable(until, tariffs)
    found = []
    for occasion, latest in ((Occasion.EXPIRY, renewable), (Occasion.PAYMENT, date.max)):
        for offset, least, most in spans(schedule.of(occasion)):
            first, last = today + timedelta(days=least), min(until + timedelta(days=most), latest)
            if first <= last:
                found.append(Window(occasion, offset, first, last))
    return found


def starts_on(occasion: Occasion, day: date, days_ahead: int, tariffs: Tariffs) -> date:
    """Return the first day on which a reminder may matter; `day` is the last of a term, or to pay."""
    start = day - timedelta(days=days_ahead)
    return max(start, add_months(day, -tariffs.renewal_opens_months)) if occasion is Occasion.EXPIRY else start


def prepare(
    reminder: Reminder, permit: Permit | None, contact: Contact, today: date, schedule: Schedule
) -> Notice | Dropped:
    """Write a reminder from the truth as it stands, or return why it is not sent any more."""
    if permit is None or not _concerns(reminder, permit, today):
        return Dropped.SETTLED
    days_left = (reminder.day - today).days
    if days_left > reminder.days_ahead:
        return Dropped.EARLY
    matters = offset_for(days_left, schedule.of(reminder.occasion))
    if matters is None or matters < reminder.days_ahead:
        return Dropped.SUPERSEDED
    if contact.channel is None:
        return Dropped.NOT_WANTED
    if contact.address is None or contact.name is None:
        return Dropped.NO_ADDRESS
    bill = _bill(permit, today)
    renewal = bill if bill is not None and bill.unpaid is Unpaid.RENEWAL else None
    return Notice(
        reminder_id=reminder.reminder_id,
        token=reminder.token,
        occasion=reminder.occasion,
        language=contact.language or Language.FR,
        name=contact.name,
        address=contact.address,
        plate=shown(permit.plate),
        last_day=reminder.day,
        days_left=days_left,
        bill=renewal if reminder.occasion is Occasion.EXPIRY else bill,
    )


def again_in(failures: int, jitter: float) -> timedelta:
    """Return how long to wait after the nth attempt that sent nothing: a greylist accepts after minutes."""
    full = min(SECOND_ATTEMPT * (1 << min(failures, 6)), LONGEST_WAIT)
    return full * (0.5 + jitter / 2)


def _concerns(reminder: Reminder, permit: Permit, today: date) -> bool:
    if reminder.occasion is Occasion.EXPIRY:
        return permit.status is Status.ACTIVE and permit.last_day == reminder.day
    payable = permit.payable(today)
    return payable is not None and payable.pay_by == reminder.day


def _bill(permit: Permit, today: date) -> Bill | None:
    payable = permit.payable(today)
    if payable is None or payable.pay_by is None:
        return None
    if not isinstance(payable, NewTerm):
        unpaid = Unpaid.ADDRESS
    elif permit.status is Status.ACTIVE:
        unpaid = Unpaid.RENEWAL
    else:
        unpaid = Unpaid.REQUEST
    return Bill(unpaid, payable.price_cents, payable.pay_by)


def _last_renewable(today: date, tariffs: Tariffs) -> date:
    """Return the latest day on which a term may end so that its renewal is open today."""
    day = add_months(today, tariffs.renewal_opens_months)
    while add_months(day + timedelta(days=1), -tariffs.renewal_opens_months) <= today:
        day += timedelta(days=1)  # the last days of a long month share one day on which renewal opens
    return day
