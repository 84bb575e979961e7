"""A tick is acted on once, whoever else has a clock; one that does not come is seen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from tests.conftest import Database
from worker.db.clock import ticks
from worker.db.engine import transact

Begin = Callable[..., bool]


@pytest.fixture
def begin(engine: Engine) -> Begin:
    return lambda seconds, task="calendar.sweep": transact(engine, lambda db: ticks.begin(db, task, seconds))


def test_of_many_clocks_one_has_the_tick(begin: Begin) -> None:
    with ThreadPoolExecutor(8) as clocks:
        assert sorted(clocks.map(lambda _: begin(86_400.0), range(8))) == [False] * 7 + [True]
    assert begin(86_400.0, "calendar.advance")


def test_the_next_tick_is_another_and_so_is_one_after_the_clock_was_set_back(begin: Begin, database: Database) -> None:
    assert begin(86_400.0)
    for moved in (-1, 1):
        with database.connect() as db:
            db.execute("UPDATE ticks SET tick = tick + %s", [moved])
        assert begin(86_400.0)


def test_a_clock_that_has_stopped_is_seen_within_two_ticks(begin: Begin, engine: Engine, database: Database) -> None:
    begin(10.0)
    assert [tick.missed for tick in transact(engine, ticks.read)] == [False]
    with database.connect() as db:
        db.execute("UPDATE ticks SET ticked_at = now() - interval '21 seconds'")
    assert [tick.missed for tick in transact(engine, ticks.read)] == [True]
