"""Terms: validities in whole civil days, both ends included, in the city's time zone."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Term:
    """One validity, both days included."""

    first_day: date
    last_day: date


def next_term(terms: tuple[Term, ...], years: int, today: date) -> Term:
    """Return the term that starts if `years` are bought today.

    A first term, or one after a lapse, starts today and ends on the same date (16/09/2024 to 16/09/2025). One bought
    before the last term is over starts the day after it, so that there is no gap, and ends on the last term's date.
    """
    last = last_day(terms)
    if last is None or last < today:
        return Term(today, add_months(today, 12 * years))
    return Term(last + _DAY, add_months(last, 12 * years))


def running(terms: tuple[Term, ...], today: date) -> Term | None:
    """Return today's term, else the next, joined with those that follow without a gap; None if all are over."""
    left = sorted((term for term in terms if term.last_day >= today), key=lambda term: term.first_day)
    if not left:
        return None
    run = left[0]
    for term in left[1:]:
        if term.first_day - run.last_day > _DAY:
            break
        run = Term(run.first_day, term.last_day)
    return run


def last_day(terms: tuple[Term, ...]) -> date | None:
    """Return the last day of all terms."""
    return max((term.last_day for term in terms), default=None)


def add_months(day: date, months: int) -> date:
    """Return the same date some months later, or earlier; the month's last day if it has no such date (29 February)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def in_order(terms: tuple[Term, ...]) -> bool:
    """Return whether each term ends no earlier than it starts, and starts after the one before it."""
    ends = all(term.first_day <= term.last_day for term in terms)
    return ends and all(earlier.last_day < later.first_day for earlier, later in pairwise(terms))
