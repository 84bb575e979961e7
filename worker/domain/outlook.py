"""On which day the hub acts on what is coming, and which days are shown as one.

The hub acts the day after a last day (of a term, of a payment, of retention), and sends a reminder on the first day on
which it matters. The outlook assumes that nothing else changes, and that providers remove in time what is to lapse.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from integrations.channels.base import Occasion
from worker.domain.reminders import Schedule, Window, spans, starts_on, windows
from worker.domain.tariffs import Tariffs

SINGLE_DAYS = 31  # a longer outlook is shown week by week

_DAY = timedelta(days=1)


class Doing(StrEnum):
    """What the clock does."""

    LAPSE = "permit_lapses"
    RENEWAL = "renewal_takes_over"  # the next term follows without a gap; no event
    REQUEST = "request_lapses"  # the request, or a change, was not paid
    CHANGE = "change_lapses"
    EXPIRY = "expiry_reminder"
    PAYMENT = "payment_reminder"
    ANONYMISE = "permit_anonymised"  # kept long enough, and no provider may hold any of it

    @property
    def occasion(self) -> Occasion | None:
        """Return a reminder's occasion, or None for other actions."""
        return {Doing.EXPIRY: Occasion.EXPIRY, Doing.PAYMENT: Occasion.PAYMENT}.get(self)


@dataclass(frozen=True, slots=True)
class What:
    """An action; for a reminder with its offset in days."""

    doing: Doing
    days_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class Foretold:
    """How often an action is due for a day: the last of a term, to pay, or of retention."""

    what: What
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class Period:
    """Days that are shown as one. Overdue actions have a period of their own: no first day, until yesterday."""

    first: date | None
    last: date
    counts: Mapping[What, int]


def opening(day: date, today: date, schedule: Schedule, tariffs: Tariffs) -> list[Window]:
    """Return, per reminder, the days for which it first matters on `day`; for today, all for which it matters."""
    found = windows(day, schedule, tariffs)
    if day <= today:
        return found
    before = {(window.occasion, window.days_ahead): window.last for window in windows(day - _DAY, schedule, tariffs)}
    late = (_after(window, before.get((window.occasion, window.days_ahead), date.min)) for window in found)
    return [window for window in late if window.first <= window.last]


def acted_on(foretold: Foretold, today: date, schedule: Schedule, tariffs: Tariffs) -> date | None:
    """Return the action's date (today if a reminder is late, past if overdue), or None if it never comes."""
    occasion, ahead = foretold.what.doing.occasion, foretold.what.days_ahead
    if occasion is None or ahead is None:
        return foretold.day + _DAY
    start = max(starts_on(occasion, foretold.day, ahead, tariffs), today)
    (least,) = (least for offset, least, _ in spans(schedule.of(occasion)) if offset == ahead)
    return start if start <= foretold.day - timedelta(days=least) else None


def periods(found: Iterable[tuple[date, What, int]], today: date, until: date) -> list[Period]:
    """Return the actions from today to `until` by day or by week; periods without any are left out."""
    by_week = (until - today).days >= SINGLE_DAYS
    counts: dict[date | None, Counter[What]] = defaultdict(Counter)
    for day, what, count in found:
        if day <= until:
            counts[None if day < today else max(_monday(day), today) if by_week else day][what] += count
    return [
        Period(first, _last(first, today, until, by_week=by_week), counts[first])
        for first in sorted(counts, key=lambda first: first or date.min)
    ]


def totals(parts: Iterable[Mapping[What, int]]) -> Counter[What]:
    """Return how often each action is due in all."""
    return sum(map(Counter, parts), Counter())


def _after(window: Window, day: date) -> Window:
    return replace(window, first=max(window.first, day + _DAY))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _last(first: date | None, today: date, until: date, *, by_week: bool) -> date:
    if first is None:
        return today - _DAY
    return min(_monday(first) + timedelta(days=6), until) if by_week else first
