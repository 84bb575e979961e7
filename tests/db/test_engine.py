"""How a worker's connections and transactions behave when something goes wrong."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from ops.embedded.servers import Servers
from worker.db.engine import UNAVAILABLE, transact

PLATE = "EF-367-QS"
ADD = text("INSERT INTO residents (resident_id) VALUES (:name)")
LOCK = text("SELECT FROM residents WHERE resident_id = :name FOR UPDATE")
COUNT = text("SELECT count(*) FROM residents")


def test_a_frozen_worker_cannot_hide_rows_behind_a_lock(engine: Engine) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with engine.connect() as connection:
        shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}
    assert shown == {
        "statement_timeout": "4s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "4s",
    }


def test_a_commit_waits_for_the_disk_unless_its_loss_would_be_found_out(engine: Engine) -> None:
    setting = text("SHOW synchronous_commit")
    assert transact(engine, lambda db: db.execute(setting).scalar_one()) == "on"
    assert transact(engine, lambda db: db.execute(setting).scalar_one(), relaxed=True) == "off"
    assert transact(engine, lambda db: db.execute(setting).scalar_one()) == "on"


def test_one_of_two_in_a_deadlock_tries_again_and_both_succeed(engine: Engine) -> None:
    transact(engine, lambda db: db.execute(ADD, [{"name": "r-1"}, {"name": "r-2"}]))
    both_hold_one = Barrier(2, timeout=5)
    tries = {"r-1": 0, "r-2": 0}

    def lock_both(first: str, second: str) -> None:
        def transaction(db: Connection) -> None:
            tries[first] += 1
            db.execute(LOCK, {"name": first})
            if tries[first] == 1:
                both_hold_one.wait()
            db.execute(LOCK, {"name": second})

        transact(engine, transaction)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(lock_both, "r-1", "r-2"), pool.submit(lock_both, "r-2", "r-1")]:
            done.result(10)
    assert sorted(tries.values()) == [1, 2]


def test_a_worker_that_stood_still_in_a_transaction_finds_the_database_away_and_nothing_committed(
    engine: Engine,
) -> None:
    def stand_still(db: Connection) -> None:
        db.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        db.execute(ADD, {"name": "r-1"})
        sleep(0.3)
        db.execute(COUNT)

    with pytest.raises(UNAVAILABLE):
        transact(engine, stand_still)
    assert transact(engine, lambda db: db.execute(COUNT).scalar_one()) == 0


def test_what_goes_on_failing_is_tried_no_more_than_twice(engine: Engine) -> None:
    tries = []

    def conflict(db: Connection) -> None:
        tries.append(1)
        db.exec_driver_sql("DO $$ BEGIN RAISE serialization_failure; END $$")

    with pytest.raises(OperationalError):
        transact(engine, conflict)
    assert len(tries) == 2


def test_what_raises_leaves_nothing_behind(engine: Engine) -> None:
    def transaction(db: Connection) -> None:
        db.execute(ADD, {"name": "r-1"})
        raise LookupError

    with pytest.raises(LookupError):
        transact(engine, transaction)
    assert transact(engine, lambda db: db.execute(COUNT).scalar_one()) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO permits VALUES (:id, 'nobody', 'active', '2026-01-01', 'standard', :plate, :plate, '{}')",
        "INSERT INTO permits VALUES (:id, :plate, :plate, '2026-01-01', 'standard', '', '', '{}')",
        "INSERT INTO permits (permit_id, resident_id) VALUES (:id, :plate)",
        "INSERT INTO permits (permit_id, requested_on) SELECT CAST(:id AS uuid), CAST(CAST(:plate AS text) AS date)",
        "SELECT CAST(CAST(:plate AS text) AS integer), :id",
    ],
    ids=["unknown resident", "unknown status", "missing column", "no date", "no number"],
)
def test_an_error_of_the_database_tells_no_values(servers: Servers, engine: Engine, statement: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it must not tell
        transact(engine, lambda db: db.execute(text(statement), {"id": uuid4(), "plate": PLATE}))
    told = [raised.value, raised.value.__cause__, *_shown_contexts(raised.value)]
    assert not [error for error in told if PLATE in f"{error} {error!r}"]
    assert PLATE not in (servers.logs / "postgres.log").read_text()


def _shown_contexts(error: BaseException) -> list[BaseException]:
    """Return what a traceback would print beside the error itself."""
    if error.__context__ is None or error.__suppress_context__:
        return []
    return [error.__context__, *_shown_contexts(error.__context__)]
