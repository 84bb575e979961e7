"""The outlook: on which day the hub acts, and which days are shown together.

The hub acts on the end of a term, of a payment period or of a retention period on the day after it. It decides a
reminder on the first day on which it matters. The outlook assumes that nothing else changes, and that providers remove
lapsed permits in time.
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


class EffectKind(StrEnum):
    """What the clock does about a permit."""

    LAPSE = "permit_lapses"
    RENEWAL = "renewal_takes_over"  # the next term goes on without a gap: nothing changes
    REQUEST = "request_lapses"  # it was not paid, nor was a change
    CHANGE = "change_lapses"
    EXPIRY = "expiry_reminder"
    PAYMENT = "payment_reminder"
    ANONYMISE = "permit_anonymised"  # it was kept long enough, and no provider may hold anything of it

    @property
    def occasion(self) -> Occasion | None:
        """Return a reminder's occasion, or None if this is no reminder."""
        return {EffectKind.EXPIRY: Occasion.EXPIRY, EffectKind.PAYMENT: Occasion.PAYMENT}.get(self)


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect of the clock; a reminder has its days ahead."""

    kind: EffectKind
    days_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class EffectCount:
    """How often an effect follows a last day: of a term, of a payment period or of a retention period."""

    effect: Effect
    day: date
    count: int


@dataclass(frozen=True, slots=True)
class Period:
    """Days that are shown together; without a first day, all days before today (overdue)."""

    first: date | None
    last: date
    counts: Mapping[Effect, int]


def opening(day: date, today: date, schedule: Schedule, tariffs: Tariffs) -> list[Window]:
    """Return the windows of last days for which a reminder begins to matter on a day (today: matters)."""
    found = windows(day, schedule, tariffs)
    if day <= today:
        return found
    before = {(one.occasion, one.days_ahead): one.last for one in windows(day - _DAY, schedule, tariffs)}
    late = (_after(one, before.get((one.occasion, one.days_ahead), date.min)) for one in found)
    return [one for one in late if one.first <= one.last]


def acted_on(counted: EffectCount, today: date, schedule: Schedule, tariffs: Tariffs) -> date | None:
    """Return the effect's date (past if overdue), or None."""
    occasion, ahead = counted.effect.kind.occasion, counted.effect.days_ahead
    if occasion is None or ahead is None:
        return counted.day + _DAY
    start = max(starts_on(occasion, counted.day, ahead, tariffs), today)
    (least,) = (least for offset, least, _ in spans(schedule.of(occasion)) if offset == ahead)
    return start if start <= counted.day - timedelta(days=least) else None


def periods(found: Iterable[tuple[date, Effect, int]], today: date, until: date) -> list[Period]:
    """Return counts per day or week from today to a last day, without empty ones."""
    by_week = (until - today).days >= SINGLE_DAYS
    counts: dict[date | None, Counter[Effect]] = defaultdict(Counter)
    for day, effect, count in found:
        if day <= until:
            counts[None if day < today else max(_monday(day), today) if by_week else day][effect] += count
    return [
        Period(first, _last(first, today, until, by_week=by_week), counts[first])
        for first in sorted(counts, key=lambda first: first or date.min)
    ]


def totals(parts: Iterable[Mapping[Effect, int]]) -> Counter[Effect]:
    """Return the counts of all parts together."""
    return sum(map(Counter, parts), Counter())


def _after(window: Window, day: date) -> Window:
    return replace(window, first=max(window.first, day + _DAY))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _last(first: date | None, today: date, until: date, *, by_week: bool) -> date:
    if first is None:
        return today - _DAY
    return min(_monday(first) + timedelta(days=6), until) if by_week else first
