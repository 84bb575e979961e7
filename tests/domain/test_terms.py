"""Terms: whole civil days, no gap and no overlap."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.terms import Term, add_months, in_order, next_term, running

days = st.dates(date(1990, 1, 1), date(2150, 12, 31))
years = st.integers(1, 10)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 9, 16), 12, date(2025, 9, 16)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2025, 2, 28), 36, date(2028, 2, 28)),
        (date(2025, 4, 30), -2, date(2025, 2, 28)),
        (date(2024, 4, 30), -2, date(2024, 2, 29)),
        (date(2025, 1, 31), -2, date(2024, 11, 30)),
        (date(2025, 12, 31), 2, date(2026, 2, 28)),
        (date(2096, 2, 29), 48, date(2100, 2, 28)),
    ],
)
def test_adding_months_keeps_the_date(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


@given(days, st.integers(-24, 120))
def test_months_are_added_as_calendars_do(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved.day < day.day and (moved + DAY).day == 1)


@given(days, years)
def test_a_first_term_runs_from_today_to_the_same_date(today: date, length: int) -> None:
    assert next_term((), length, today) == Term(today, add_months(today, 12 * length))


@given(days, years, years, st.integers(0, 400))
def test_a_renewal_in_time_leaves_no_gap_and_no_overlap(start: date, length: int, more: int, days_left: int) -> None:
    first = next_term((), length, start)
    today = first.last_day - timedelta(days=days_left)
    renewed = next_term((first,), more, today)
    assert renewed.first_day == first.last_day + DAY
    assert renewed.last_day == add_months(first.last_day, 12 * more)
    assert in_order((first, renewed))
    for day in (today, first.last_day):
        assert running((first, renewed), day) == Term(first.first_day, renewed.last_day)
    assert running((first, renewed), renewed.first_day) == renewed


@given(days, years, years, st.integers(1, 4000))
def test_a_term_bought_after_a_lapse_starts_on_that_day(start: date, length: int, more: int, late: int) -> None:
    first = next_term((), length, start)
    today = first.last_day + timedelta(days=late)
    assert next_term((first,), more, today) == Term(today, add_months(today, 12 * more))


@given(days, st.lists(st.tuples(years, st.integers(-60, 60)), max_size=12))
def test_terms_stay_in_order_over_a_whole_life(start: date, renewals: list[tuple[int, int]]) -> None:
    terms: tuple[Term, ...] = (next_term((), 1, start),)
    for length, offset in renewals:
        today = terms[-1].last_day + timedelta(days=offset)
        terms = (*terms, next_term(terms, length, today))
        assert in_order(terms)
        assert (terms[-1].first_day - terms[-2].last_day).days == max(1, offset)


def test_a_run_joins_todays_or_the_next_term_with_those_that_follow() -> None:
    over, now, next_year = (Term(date(year, 3, 1), date(year + 1, 2, 28)) for year in (2020, 2024, 2025))
    later = Term(date(2026, 3, 2), date(2027, 3, 1))  # a day after the gap of 1 March 2026
    terms = (over, now, next_year, later)
    together = Term(now.first_day, next_year.last_day)
    assert running(terms, over.last_day) == over
    assert running(terms, over.last_day + DAY) == together
    assert running(terms, now.last_day) == together
    assert running(terms, next_year.first_day) == next_year
    assert running(terms, next_year.last_day + DAY) == later
    assert running(terms, later.last_day + DAY) is None
    assert running((), later.last_day) is None
