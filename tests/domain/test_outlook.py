"""Each reminder begins to matter on one day; the outlook shows days, or weeks."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.channels.base import Occasion
from worker.domain.outlook import Effect, EffectCount, EffectKind, acted_on, opening, periods, totals
from worker.domain.reminders import Schedule, Window, windows
from worker.domain.tariffs import load
from worker.settings import DEFAULT_TARIFFS

TARIFFS = load(DEFAULT_TARIFFS)
DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))
OFFSETS = st.sets(st.integers(-40, 90), max_size=5).map(tuple)
MONTHS = st.integers(0, 4)
WEDNESDAY = date(2026, 11, 25)
LAPSE = Effect(EffectKind.LAPSE)


def covered(found: Iterable[Window]) -> set[tuple[Occasion, int, date]]:
    return {
        (one.occasion, one.days_ahead, one.first + timedelta(days=after))
        for one in found
        for after in range((one.last - one.first).days + 1)
    }


@given(DAYS, OFFSETS, OFFSETS, MONTHS, st.integers(1, 20))
def test_each_reminder_begins_to_matter_on_exactly_one_day(
    today: date, expiry: tuple[int, ...], payment: tuple[int, ...], months: int, count: int
) -> None:
    schedule, tariffs = Schedule(expiry, payment), TARIFFS.model_copy(update={"renewal_opens_months": months})
    days = [today + timedelta(days=day) for day in range(count)]
    begun = Counter(one for day in days for one in covered(opening(day, today, schedule, tariffs)))
    assert set(begun.values()) <= {1}
    assert set(begun) == {one for day in days for one in covered(windows(day, schedule, tariffs))}


@given(DAYS, OFFSETS, OFFSETS, MONTHS, st.integers(0, 20))
def test_a_reminder_is_counted_on_the_day_it_begins_to_matter(
    today: date, expiry: tuple[int, ...], payment: tuple[int, ...], months: int, ahead: int
) -> None:
    schedule, tariffs = Schedule(expiry, payment), TARIFFS.model_copy(update={"renewal_opens_months": months})
    day = today + timedelta(days=ahead)
    doings = {Occasion.EXPIRY: EffectKind.EXPIRY, Occasion.PAYMENT: EffectKind.PAYMENT}
    on_it = covered(opening(day, today, schedule, tariffs))
    for occasion, offset, about in covered(windows(today, schedule, tariffs, day)):
        one = EffectCount(Effect(doings[occasion], offset), about, 1)
        assert (acted_on(one, today, schedule, tariffs) == day) == ((occasion, offset, about) in on_it)


@pytest.mark.parametrize("last", [date(2028, 2, 28), date(2028, 2, 29), date(2027, 3, 28), date(2027, 10, 31)])
def test_an_ended_term_is_acted_on_the_next_day_over_leap_days_and_clock_changes(last: date) -> None:
    for doing in (EffectKind.LAPSE, EffectKind.RENEWAL, EffectKind.REQUEST, EffectKind.CHANGE):
        on = acted_on(EffectCount(Effect(doing), last, 1), WEDNESDAY, Schedule((), ()), TARIFFS)
        assert on == last + timedelta(days=1)


def test_up_to_31_days_are_shown_singly_and_more_as_weeks_from_monday_to_sunday() -> None:
    days = [(WEDNESDAY + timedelta(days=day), LAPSE, 1) for day in range(40)]
    single = periods(days, WEDNESDAY, WEDNESDAY + timedelta(days=30))
    assert [one.first for one in single] == [day for day, *_ in days[:31]]
    weeks = periods(days, WEDNESDAY, WEDNESDAY + timedelta(days=31))
    assert [(str(one.first), str(one.last), one.counts[LAPSE]) for one in weeks] == [
        ("2026-11-25", "2026-11-29", 5),
        ("2026-11-30", "2026-12-06", 7),
        ("2026-12-07", "2026-12-13", 7),
        ("2026-12-14", "2026-12-20", 7),
        ("2026-12-21", "2026-12-26", 6),
    ]


def test_overdue_actions_come_first_and_empty_days_are_left_out() -> None:
    found = [(WEDNESDAY + timedelta(days=day), LAPSE, 2) for day in (3, -1, -400, 11)]
    shown = periods(found, WEDNESDAY, WEDNESDAY + timedelta(days=9))
    assert [(one.first, one.counts) for one in shown] == [
        (None, {LAPSE: 4}),
        (WEDNESDAY + timedelta(days=3), {LAPSE: 2}),
    ]
    assert totals(one.counts for one in shown) == {LAPSE: 6}
