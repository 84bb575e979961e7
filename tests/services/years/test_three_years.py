"""Three years of a thousand permits: holdings and reminders are right on each day."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from integrations.memory import InMemory
from ops.embedded.servers import Servers
from tests.conftest import Database, own_database
from tests.services.years.expected import DAY
from tests.services.years.lives import Lives
from tests.services.years.moved_clock import own_clock
from tests.services.years.town import Town
from worker.hub import Hub

FIRST_DAY = date(2027, 2, 1)
THREE_YEARS = 1_096  # with a 29 February, and the clocks changed six times
PERMITS = 300
LOOKS_CLOSELY_EACH = 30  # days
SCHEDULES = [
    {"expiry": (60, 30, 7, 0, -1), "payment": (5,)},
    {"expiry": (45, 14, 3, 0, -2, -10), "payment": (9, 2)},
    {"expiry": (30, 8, 1), "payment": ()},
    {"expiry": (-1, 0, 7, 30, 60), "payment": (0, 29)},
]
# Not shrunk, since an example takes seconds. A failure is reproduced, as the examples drawn are always the same.
WATCHED = settings(phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True)


@dataclass(frozen=True)
class Plan:
    """The events of a town: days are numbered from its first."""

    seed: int
    nothing_runs: list[tuple[int, int]]  # from which day for how many: no job, no clock, no drain
    no_clock: list[tuple[int, int]]
    no_mail: list[tuple[int, int]]
    doubled: set[int]  # days on which the clock ticks more than once
    together: set[int]  # of those, at the same moment
    set_back: set[int]  # days after which the day before comes again
    schedules: dict[int, int]  # the schedule that is valid from each day


def plans(days: int, *, eventful: bool = False) -> st.SearchStrategy[Plan]:
    """Return plans; the first one drawn is uneventful, unless `eventful`."""
    day, most_spans, most_days = st.integers(1, days - 1), max(2, days // 60), max(4, days // 10)

    def spans(longest: int) -> st.SearchStrategy[list[tuple[int, int]]]:
        length = st.integers(1, min(longest, days // 3))
        return st.lists(st.tuples(day, length), min_size=most_spans // 3 if eventful else 0, max_size=most_spans)

    some = st.sets(day, min_size=most_days // 2 if eventful else 0, max_size=most_days)
    schedules = st.dictionaries(day, st.integers(0, len(SCHEDULES) - 1), min_size=2 if eventful else 0, max_size=2)
    return st.builds(Plan, st.integers(0, 2**32), spans(40), spans(40), spans(9), some, some, some, schedules)


@pytest.fixture
def database(servers: Servers, migrated_template: str) -> Iterator[Database]:
    """Return a database that does not wait for the disk, and whose clock is the town's."""
    with own_database(servers.postgres, migrated_template) as made:
        with made.connect() as connection:
            connection.execute(f"ALTER DATABASE {made.name} SET synchronous_commit = off")
            own_clock(connection, made.name)
        yield made


@pytest.fixture
def town(
    hub: Hub, database: Database, twins: dict[str, InMemory], wake_ups: list[str]
) -> Callable[[], AbstractContextManager[Town]]:
    """Return an empty town, on its first day."""

    @contextmanager
    def town() -> Iterator[Town]:
        wake_ups.clear()
        with Town(hub, database, twins, wake_ups, FIRST_DAY).open() as opened:
            yield opened

    return town


def play(town: Town, plan: Plan, permits: int, days: int) -> None:
    """Live through the days of a plan."""
    note(repr(plan))
    lives, start = Lives(town, plan.seed, permits, days), town.today
    nothing_runs, no_clock, no_mail = map(_all_days, (plan.nothing_runs, plan.no_clock, plan.no_mail))
    for number in range(days):
        if number in plan.schedules:
            town.remind_by(SCHEDULES[plan.schedules[number]])
        if number in nothing_runs:
            continue
        town.mail_is_up = number not in no_mail
        for back in (0, 1) if number in plan.set_back else (0,):
            town.go_on_to(start + (number - back) * DAY)
            live_a_day(town, lives, plan, number, ticks=number not in no_clock, is_itself=back == 0)
        if number % LOOKS_CLOSELY_EACH == 0 or number == days - 1:
            town.check_ledger(entirely=True)


def live_a_day(town: Town, lives: Lives, plan: Plan, number: int, *, ticks: bool, is_itself: bool) -> None:
    """Live through a day, with the clock before and sometimes also after what residents do."""
    if ticks:
        town.tick(2 + number % 2 if number in plan.doubled else 1, together=number in plan.together)
    lives.live()
    if ticks and number in plan.doubled:
        town.go_on_to(town.today)
        town.tick(1, together=False)
    town.deliver()
    town.check_consent()
    if ticks:
        town.check_ledger(entirely=False)
        if is_itself:
            town.check_copies()


def _all_days(spans: list[tuple[int, int]]) -> set[int]:
    return {day for first, length in spans for day in range(first, first + length)}


@pytest.mark.timeout(600)
@settings(WATCHED, max_examples=12)
@given(plan=plans(days=75))
def test_a_few_permits_have_the_right_holdings_and_reminders_over_weeks(
    town: Callable[[], AbstractContextManager[Town]], plan: Plan
) -> None:
    with town() as opened:
        play(opened, plan, permits=5, days=75)


@pytest.mark.timeout(900)
@settings(WATCHED, max_examples=1)
@given(plan=plans(days=THREE_YEARS, eventful=True))
def test_a_thousand_permits_have_the_right_holdings_and_reminders_over_three_years(
    town: Callable[[], AbstractContextManager[Town]], plan: Plan
) -> None:
    with town() as opened:
        play(opened, plan, permits=PERMITS, days=THREE_YEARS)
