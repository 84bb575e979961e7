"""Statements that go to the database together: what each one sees, and what is left when one fails."""

import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from ops.embedded.servers import Servers
from tests.conftest import Database
from tests.db.test_engine import PLATE
from worker.db.engine import UNAVAILABLE, UnfitRowError, constraint_of, transact
from worker.db.trip import Statement, Trip, run, write

LOCK = text("SELECT resident_id FROM residents WHERE resident_id = :name FOR UPDATE")
VERSIONS = text("SELECT resident_id, version FROM residents ORDER BY resident_id")
ADD = text("INSERT INTO residents (resident_id) VALUES (:name)")
RAISE = text("UPDATE residents SET version = version + 1 WHERE resident_id = :name")
PERMIT = text("INSERT INTO permits VALUES (:id, :plate, 'active', '2026-01-01', 'standard', '', '', '{}')")
SLEEP = text("SELECT pg_sleep(:seconds)")
END = text("SELECT pg_terminate_backend(pg_backend_pid())")
BACKEND = text("SELECT pg_backend_pid() AS process")


class RefusedError(Exception):
    """What an answer raises here."""


def names(rows: Iterable[Any]) -> list[str]:
    return [row.resident_id for row in rows]


def add(name: str) -> Statement[None]:
    return write(ADD, {"name": name})


def read() -> Statement[list[str]]:
    return Statement(VERSIONS, {}, names)


def test_answers_are_in_the_order_of_the_statements(engine: Engine) -> None:
    def transaction(db: Connection) -> list[list[str]]:
        with Trip(db) as trip:
            before = trip.ask(read())
            trip.ask(add("r-1"))
            after = trip.ask(read())
        return [before.value, after.value]

    assert transact(engine, transaction) == [[], ["r-1"]]


def test_a_statement_after_a_lock_sees_what_the_lock_waited_for(engine: Engine, database: Database) -> None:
    transact(engine, lambda db: run(db, add("r-1")))
    asked = Event()

    def transaction(db: Connection) -> int:
        with Trip(db) as trip:
            trip.ask(Statement(LOCK, {"name": "r-1"}, names))
            versions = trip.ask(Statement(VERSIONS, {}, lambda rows: [row.version for row in rows]))
            asked.set()
        return int(versions.value[0])

    with database.connect() as other, ThreadPoolExecutor(1) as pool:
        other.autocommit = False
        other.execute("UPDATE residents SET version = 7 WHERE resident_id = 'r-1'")
        waiting = pool.submit(transact, engine, transaction)
        assert asked.wait(10)
        while not other.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
            sleep(0.01)
        other.commit()
        assert waiting.result(10) == 7


def test_nothing_is_sent_when_the_block_raises(engine: Engine) -> None:
    def transaction(db: Connection) -> None:
        with Trip(db) as trip:
            trip.ask(add("r-1"))
            raise RefusedError

    with pytest.raises(RefusedError):
        transact(engine, transaction)
    assert transact(engine, lambda db: run(db, read())) == []


def test_an_answer_may_raise_and_undoes_what_came_before_and_after(engine: Engine) -> None:
    def refuse(_: object) -> None:
        raise RefusedError

    def transaction(db: Connection) -> None:
        with Trip(db) as trip:
            trip.ask(add("r-1"))
            trip.ask(read().then(refuse))
            trip.ask(add("r-2"))

    with pytest.raises(RefusedError):
        transact(engine, transaction)
    assert transact(engine, lambda db: run(db, read())) == []


def test_a_failed_statement_is_told_by_its_constraint_and_ends_the_transaction(engine: Engine) -> None:
    def transaction(db: Connection) -> None:
        with Trip(db) as trip:
            trip.ask(add("r-1"))
            trip.ask(add("r-1"))
            trip.ask(add("r-2"))

    def caught(db: Connection) -> None:
        with pytest.raises(IntegrityError) as raised:
            transaction(db)
        assert constraint_of(raised.value) == "residents_pkey"
        raise RefusedError

    with pytest.raises(UnfitRowError, match="residents_pkey"):
        transact(engine, transaction)
    with pytest.raises(RefusedError):
        transact(engine, caught)
    assert transact(engine, lambda db: run(db, read())) == []


def test_an_answer_before_a_failed_statement_is_read_first(engine: Engine) -> None:
    def refuse(_: object) -> None:
        raise RefusedError

    def transaction(db: Connection) -> None:
        with Trip(db) as trip:
            trip.ask(read().then(refuse))
            trip.ask(write(PERMIT, {"id": uuid4(), "plate": "r-1"}))

    with pytest.raises(RefusedError):
        transact(engine, transaction)


def test_a_failed_statement_tells_no_values(servers: Servers, engine: Engine) -> None:
    with pytest.raises(UnfitRowError) as raised:
        transact(engine, lambda db: run(db, write(PERMIT, {"id": uuid4(), "plate": PLATE})))
    assert PLATE not in f"{raised.value} {raised.value!r} {raised.value.__cause__} {raised.value.__context__}"
    assert PLATE not in (servers.logs / "postgres.log").read_text()


def test_a_value_that_no_column_takes_is_an_unfit_row(engine: Engine) -> None:
    with pytest.raises(UnfitRowError):
        transact(engine, lambda db: run(db, add("r-\0")))
    assert transact(engine, lambda db: run(db, read())) == []


def test_a_session_that_the_server_ends_counts_as_away_and_is_not_used_again(engine: Engine) -> None:
    def transaction(db: Connection) -> None:
        with Trip(db) as trip:
            trip.ask(add("r-1"))
            trip.ask(Statement(END, {}, names))

    with pytest.raises(UNAVAILABLE):
        transact(engine, transaction)
    assert transact(engine, lambda db: run(db, read())) == []


def test_a_statement_that_takes_too_long_leaves_its_session_usable(engine: Engine) -> None:
    processes = []

    def transaction(db: Connection) -> None:
        db.exec_driver_sql("SET LOCAL statement_timeout = '50ms'")
        processes.append(run(db, Statement(BACKEND, {}, lambda rows: rows[0].process)))
        with Trip(db) as trip:
            trip.ask(write(SLEEP, {"seconds": 5}))
            trip.ask(add("r-1"))

    with pytest.raises(OperationalError):
        transact(engine, transaction)
    assert transact(engine, lambda db: run(db, Statement(BACKEND, {}, lambda rows: rows[0].process))) == processes[0]
    assert transact(engine, lambda db: run(db, read())) == []


def test_a_conflict_is_tried_again(engine: Engine) -> None:
    tries = []
    conflict = text("DO $$ BEGIN RAISE deadlock_detected; END $$")

    def transaction(db: Connection) -> None:
        tries.append(1)
        with Trip(db) as trip:
            trip.ask(add("r-1"))
            if len(tries) == 1:
                trip.ask(write(conflict, {}))

    transact(engine, transaction)
    assert len(tries) == 2
    assert transact(engine, lambda db: run(db, read())) == ["r-1"]


class OutOfTimeError(Exception):
    """What the soft time limit of a task raises here."""


def test_a_task_out_of_time_does_not_wait_for_the_statement_under_way(engine: Engine) -> None:
    def out_of_time(*_: object) -> None:
        raise OutOfTimeError

    def transaction(db: Connection) -> None:
        with Trip(db) as trip:
            trip.ask(add("r-1"))
            trip.ask(write(SLEEP, {"seconds": 3}))

    before = signal.signal(signal.SIGALRM, out_of_time)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    began = monotonic()
    try:
        with pytest.raises(OutOfTimeError):
            transact(engine, transaction)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert monotonic() - began < 2
    assert transact(engine, lambda db: run(db, read())) == []
