"""What is to happen when: on which day the hub acts on what is coming, and which days are shown as one.

A term's end, what is not paid and what is kept are acted on the day after the last day; a reminder on the first day on
which it matters. All that is foretold holds if nothing else changes until then, and if providers remove in time what is
yet to lapse.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from integrations.channels.base import Occasion
from worker.domain.reminders import Schedule, Window, spans, starts_on, windows
from worker.domain.tariffs import Tariffs

SINGLE_DAYS = 31  # beyond so many, days are shown week by week

_DAY = timedelta(days=1)


class Doing(StrEnum):
    """What the calendar brings about."""

    LAPSE = "permit_lapses"
    RENEWAL = "renewal_takes_over"  # the next term goes on without a gap, and nobody is told
    REQUEST = "request_lapses"  # it was not paid, nor was a change
    CHANGE = "change_lapses"
    EXPIRY = "expiry_reminder"
    PAYMENT = "payment_reminder"
    ANONYMISE = "permit_anonymised"  # it was kept long enough, and no provider may hold anything of it

    @property
    def occasion(self) -> Occasion | None:
        """Return what a reminder is of; None where it is none."""
        return {Doing.EXPIRY: Occasion.EXPIRY, Doing.PAYMENT: Occasion.PAYMENT}.get(self)


@dataclass(frozen=True, slots=True)
class What:
    """What is done; of a reminder, how many days ahead."""

    doing: Doing
    days_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class Foretold:
    """How often something is to be done about a day: the last of a term, to pay, or of being kept."""

    what: What
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class Period:
    """Days that are shown as one; without a first day: all before today, of what is overdue."""

    first: date | None
    last: date
    counts: Mapping[What, int]


def opening(day: date, today: date, schedule: Schedule, tariffs: Tariffs) -> list[Window]:
    """Return of which days a reminder begins to matter on a day; today, also of which one matters already."""
    found = windows(day, schedule, tariffs)
    if day <= today:
        return found
    before = {(one.occasion, one.days_ahead): one.last for one in windows(day - _DAY, schedule, tariffs)}
    late = (_after(one, before.get((one.occasion, one.days_ahead), date.min)) for one in found)
    return [one for one in late if one.first <= one.last]


def acted_on(foretold: Foretold, today: date, schedule: Schedule, tariffs: Tariffs) -> date | None:
    """Return the day on which it is to be done, before today where it is overdue; None where that never comes."""
    occasion, ahead = foretold.what.doing.occasion, foretold.what.days_ahead
    if occasion is None or ahead is None:
        return foretold.day + _DAY
    start = max(starts_on(occasion, foretold.day, ahead, tariffs), today)
    (least,) = (least for offset, least, _ in spans(schedule.of(occasion)) if offset == ahead)
    return start if start <= foretold.day - timedelta(days=least) else None


def periods(found: Iterable[tuple[date, What, int]], today: date, until: date) -> list[Period]:
    """Return what is to be done from today to a last day in days or weeks, those with nothing left out."""
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
    """Return how often each thing is to be done in all."""
    return sum(map(Counter, parts), Counter())


def _after(window: Window, day: date) -> Window:
    return replace(window, first=max(window.first, day + _DAY))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _last(first: date | None, today: date, until: date, *, by_week: bool) -> date:
    if first is None:
        return today - _DAY
    return min(_monday(first) + timedelta(days=6), until) if by_week else first
