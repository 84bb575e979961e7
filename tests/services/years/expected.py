"""The expected state, by plain arithmetic of dates: the copies that providers hold, and the reminders sent.

Written from the words of the promises and of the tariffs, never from the hub's rules: nothing of `worker` is used here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
DAYS_TO_PAY = 30
DAYS_AFTER = 30  # how long a reminder after its day still matters
NEAR = timedelta(days=63)  # no schedule here reaches further ahead
ADDRESS_CENTS = 1_000
PRICES = {"standard": {1: 4_500, 3: 9_000}, "two_wheeler": {1: 2_250, 3: 4_500}, "low_emission": {1: 0, 3: 0}}

Copy = tuple[str, tuple[str, ...], date, date]
Schedule = Mapping[str, Sequence[int]]


class Key(NamedTuple):
    """A reminder that is decided once; `day` is the last of a term, or to pay."""

    permit_id: str
    occasion: str
    day: date
    days_ahead: int


def months_from(day: date, months: int) -> date:
    """Return the same date some months later or earlier, or the last one of a month that has no such date."""
    number = day.year * 12 + day.month - 1 + months
    for date_in_month in range(day.day, 27, -1):
        try:
            return date(number // 12, number % 12 + 1, date_in_month)
        except ValueError:
            continue
    return date(number // 12, number % 12 + 1, day.day)


def that_matters(days_left: int, offsets: Sequence[int]) -> int | None:
    """Return the nearest reminder that has begun: one ahead of its day until that day, one after it for a while."""
    begun = [offset for offset in offsets if offset >= days_left and (offset < 0) == (days_left < 0)]
    return min(begun) if begun and days_left >= min(0, *begun) - DAYS_AFTER else None


@dataclass(eq=False)
class Holder:
    """A resident: their address, their choice of reminders and their consent."""

    resident_id: str
    email: str | None = None
    refused: bool = False  # the address, for good
    wants: bool = True
    allowed: set[str] = field(default_factory=set)
    decisions: int = 0
    erased: bool = False

    @property
    def is_reached(self) -> bool:
        return self.wants and self.email is not None and not self.refused and not self.erased


@dataclass
class Owed:
    """A change that applies once it is paid, or approved if it is free; no last day to pay during review."""

    cents: int
    years: int = 0
    zones: tuple[str, ...] = ()
    pay_by: date | None = None


@dataclass(eq=False)
class Right:
    """A permit: under review, unpaid, active or over, with its terms in order."""

    permit_id: str
    holder: Holder
    plate: str
    zones: tuple[str, ...]
    profile: str
    state: str
    terms: list[tuple[date, date]] = field(default_factory=list)
    owed: Owed | None = None

    @property
    def last_day(self) -> date:
        return self.terms[-1][1]

    @property
    def is_settled(self) -> bool:
        """Return whether it is active without a pending change."""
        return self.state == "active" and self.owed is None

    def may_renew(self, today: date) -> bool:
        """Return whether its end is near, or past."""
        return today >= months_from(self.last_day, -2)

    def owe(self, owed: Owed, today: date) -> None:
        """Make a change pending, or apply it at once if it is free."""
        self.owed = owed
        if owed.cents == 0:
            self.settle(today)
        else:
            owed.pay_by = today + timedelta(days=DAYS_TO_PAY)

    def settle(self, today: date) -> None:
        """Apply the pending change."""
        owed = self.owed
        assert owed is not None
        self.owed, self.state = None, "active"
        if owed.zones:
            self.zones = owed.zones
        elif self.terms and self.last_day >= today:
            self.terms.append((self.last_day + DAY, months_from(self.last_day, 12 * owed.years)))
        else:
            self.terms.append((today, months_from(today, 12 * owed.years)))

    def give_up(self) -> None:
        """Drop the pending change: the request, or the change of a permit that stays as it is."""
        self.owed = None
        if self.state != "active":
            self.state = "over"

    @property
    def pay_by(self) -> date | None:
        """Return the last day to pay, if a payment is awaited."""
        return self.owed.pay_by if self.owed is not None else None

    def is_payable(self, today: date) -> bool:
        return self.pay_by is not None and today <= self.pay_by

    def copy(self, today: date) -> Copy | None:
        """Return the period for which providers are to hold it: from when, not before today, to when.

        That is today's or the next term, joined with those that follow it at once.
        """
        left = [term for term in self.terms if term[1] >= today]
        if self.state != "active" or not left:
            return None
        first_day, last_day = left[0]
        for starts, ends in left[1:]:
            if starts != last_day + DAY:
                break
            last_day = ends
        return self.plate, self.zones, max(first_day, today), last_day

    def reminded_of(self, today: date) -> Iterator[tuple[str, date]]:
        """Yield the days that its holder is reminded of: its end, and the last day to pay."""
        if self.state == "active" and self.last_day - today < NEAR:
            yield "expiry", self.last_day
        if self.pay_by is not None and self.is_payable(today):
            yield "payment", self.pay_by


class Reminders:
    """The reminders decided, those that are valid, and those still to be sent."""

    def __init__(self) -> None:
        """Begin without reminders."""
        self.decided: set[Key] = set()
        self.due: dict[Key, Right] = {}
        self._standing: dict[tuple[str, str, date], set[int]] = {}

    def decide(self, right: Right, today: date, schedule: Schedule) -> None:
        """Decide today's reminder, unless it or a nearer one was decided before and is valid."""
        if not right.holder.is_reached:
            return
        for occasion, day in right.reminded_of(today):
            offset = that_matters((day - today).days, schedule[occasion])
            if offset is not None and (occasion != "expiry" or right.may_renew(today)):
                standing = self._standing.setdefault((right.permit_id, occasion, day), set())
                if all(offset < other for other in standing):
                    standing.add(offset)
                    key = Key(right.permit_id, occasion, day, offset)
                    self.due[key] = right
                    self.decided.add(key)

    def going_out(self, today: date, schedule: Schedule) -> Iterator[tuple[Key, Right]]:
        """Yield the reminders to be sent today, and drop those that no longer matter; they may be decided again.

        A reminder whose address was refused waits for another address.
        """
        for key, right in list(self.due.items()):
            if right.holder.refused:
                continue
            concerns = (key.occasion, key.day) in right.reminded_of(today)
            nearest = that_matters((key.day - today).days, schedule[key.occasion])
            matters = nearest is not None and (key.day - today).days <= key.days_ahead <= nearest
            if concerns and matters and right.holder.wants and not right.holder.erased:
                yield key, right
            else:
                del self.due[key]
                self._standing[key[:3]].discard(key.days_ahead)
