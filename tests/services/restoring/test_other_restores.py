"""Other ways in which a database goes back, and what does not fool the hub into taking it for current."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg import sql

from integrations.memory import InMemory
from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.restoring.conftest import NOBODY_BUT_THE_CITY, Held, Step, is_current, withhold
from tests.services.upstream import BOB, CITY, EVERYONE, Upstream, choice
from worker.db import hub_state, journaled
from worker.db.engine import transact
from worker.db.journaled import Waiting
from worker.hub import Hub
from worker.journal import FolderJournal
from worker.live.wake_ups import URGENT
from worker.services import going_back
from worker.services.clock.sweep import sweep
from worker.services.jobs import journal as keeping
from worker.services.publishing.publish import follow_redis

TABLES = (
    "residents",
    "permits",
    "terms",
    "plate_assignments",
    "consent_decisions",
    "shares",
    "hub_state",
    "jobs",
    "events",
)


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with database.connect() as connection:
        yield connection


@pytest.fixture
def shared(upstream: Upstream, deliver: Deliver, hub: Hub, today: date) -> None:
    """Have a resident whom all allow-listed apps know."""
    upstream.active()
    upstream.allow()
    deliver()
    sweep(hub, today)


def withdraw(upstream: Upstream, deliver: Deliver, held: Held) -> None:
    upstream.refuse()
    deliver()
    assert held() == NOBODY_BUT_THE_CITY


@pytest.mark.usefixtures("shared")
def test_a_copy_of_the_database_under_its_name_is_not_current(
    upstream: Upstream, deliver: Deliver, hub: Hub, database: Database, held: Held, make_due: Step
) -> None:
    copy, name = sql.Identifier(f"{database.name}_copy"), sql.Identifier(database.name)
    hub.engine.dispose()
    with database.server.connect() as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, name))
    withdraw(upstream, deliver, held)
    hub.engine.dispose()
    with database.server.connect() as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(copy, name))
    make_due()
    deliver()
    assert not is_current(hub)
    assert held() == NOBODY_BUT_THE_CITY


@pytest.mark.usefixtures("shared")
def test_old_rows_in_the_same_tables_are_not_current(
    upstream: Upstream, deliver: Deliver, hub: Hub, owner: psycopg.Connection[Any], held: Held, make_due: Step
) -> None:
    owner.execute("UPDATE hub_state SET compared_at = compared_at - interval '1 hour'")  # when the backup was made
    rows = {table: owner.execute(f"SELECT to_jsonb(t)::text FROM {table} t").fetchall() for table in TABLES}
    withdraw(upstream, deliver, held)
    with owner.transaction():
        owner.execute("SET LOCAL session_replication_role = replica")
        for table, old in rows.items():
            owner.execute(f"DELETE FROM {table}")
            for (row,) in old:
                owner.execute(f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s)", [row])
    make_due()
    deliver()
    assert not is_current(hub)
    assert held() == NOBODY_BUT_THE_CITY


@pytest.mark.usefixtures("withdrawn")
def test_a_process_without_the_journal_cannot_say_that_the_database_is_current(
    hub: Hub, deliver: Deliver, held: Held, make_due: Step, today: date
) -> None:
    hub.live.client.unlink(hub.live.key("mark"))
    follow_redis(replace(hub, journal=None))
    make_due()
    deliver()
    assert not is_current(hub)
    assert held() == NOBODY_BUT_THE_CITY
    sweep(hub, today)
    assert transact(hub.engine, hub_state.read).restored_sign is not None


def test_a_decision_that_comes_again_hides_no_lost_one(
    upstream: Upstream, deliver: Deliver, backup: Step, go_back: Step, hub: Hub, today: date
) -> None:
    upstream.active()
    upstream.active(BOB)
    allowance = upstream.envelope(resident_id=BOB, **choice("allow"), consent_version=0)
    upstream.send("consent.decide", allowance)
    upstream.allow()
    sweep(hub, today)
    backup()
    upstream.refuse()
    upstream.send("consent.decide", allowance)
    go_back()
    hub.live.client.unlink(hub.live.key("mark"))
    sweep(hub, today)
    assert not is_current(hub)


@pytest.mark.usefixtures("withdrawn")
def test_what_an_operator_released_raises_no_alarm_again(hub: Hub, owner: psycopg.Connection[Any], today: date) -> None:
    sweep(hub, today)
    transact(hub.engine, lambda db: going_back.release(hub, db))
    owner.execute("UPDATE hub_state SET place = 'another start', compared_at = now() + interval '20 minutes'")
    sweep(hub, today)
    assert is_current(hub)


def test_a_journal_that_is_lost_for_good_can_be_given_up(hub: Hub, journal: FolderJournal, today: date) -> None:
    sweep(hub, today)
    journal.folder.rename(journal.folder.with_name("aside"))
    transact(hub.engine, lambda db: db.exec_driver_sql("UPDATE hub_state SET place = 'another start'"))
    sweep(hub, today)
    assert not is_current(hub)
    transact(hub.engine, lambda db: going_back.release(hub, db))
    assert is_current(hub)


def test_a_database_that_nobody_compared_for_a_while_is_compared_again(
    hub: Hub, owner: psycopg.Connection[Any], today: date
) -> None:
    sweep(hub, today)
    owner.execute("UPDATE hub_state SET compared_at = now() - interval '2 minutes'")
    assert not is_current(hub)
    sweep(hub, today)
    assert is_current(hub)


@pytest.mark.usefixtures("shared")
def test_a_sweep_lets_nothing_go_while_it_is_withheld(
    hub: Hub, evidence: Evidence, deliver: Deliver, make_due: Step, wake_ups: list[str], today: date
) -> None:
    withhold(evidence)
    make_due()
    deliver()
    count = "SELECT count(*) FROM shares WHERE due_at > now() + interval '1 year'"
    assert evidence.value(count) == len(EVERYONE)
    wake_ups.clear()
    sweep(hub, today)
    assert evidence.value(count) == len(EVERYONE)
    assert wake_ups == []
    hub.live.wake_ups.end(URGENT)
    transact(hub.engine, lambda db: going_back.release(hub, db))
    sweep(hub, today)
    assert evidence.value(count) == 0
    assert {*EVERYONE, URGENT} <= set(wake_ups)
    assert CITY not in wake_ups


def test_an_operation_that_went_out_before_is_asked_about_while_puts_are_withheld(
    upstream: Upstream, hub: Hub, evidence: Evidence, deliver: Deliver, held: Held, twins: dict[str, InMemory]
) -> None:
    upstream.active()
    upstream.allow()
    twins["paybyphone"].carries_out = False
    deliver("paybyphone")
    assert evidence.value("SELECT operation FROM shares WHERE provider = 'paybyphone'") is not None
    twins["paybyphone"].carries_out = True
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET due_at = now() WHERE operation IS NOT NULL")
    withhold(evidence)
    deliver("paybyphone")
    assert evidence.value("SELECT operation FROM shares WHERE provider = 'paybyphone'") is None
    assert held()["paybyphone"] == 1
    assert not is_current(hub)


def test_a_slow_disk_stops_no_sweep_and_what_is_kept_stays_kept(
    hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch, today: date
) -> None:
    for number in range(60):
        job_id = f"00000000-0000-0000-0000-0000000000{number:02}"
        text = f'{{"job_id": "{job_id}", "resident_id": "r-1"}}'
        transact(hub.engine, lambda db, text=text, job_id=job_id: journaled.note(db, Waiting(job_id, "x", text)))  # type: ignore[misc]
    monkeypatch.setattr(keeping, "SECONDS", 0.0)
    left = []
    for _ in range(2):
        monkeypatch.setattr(keeping, "monotonic", iter([0.0, -1.0, *([1.0] * 1_000)]).__next__)
        keeping.catch_up(hub)
        left.append(evidence.value("SELECT count(*) FROM unjournaled"))
    assert left == [59, 58]
    monkeypatch.undo()
    sweep(hub, today)
    assert evidence.value("SELECT count(*) FROM unjournaled") == 0
