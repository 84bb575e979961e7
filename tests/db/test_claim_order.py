"""What a claim locks: due shares of one provider, the most urgent and then the oldest first, and no others."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine

from tests.conftest import Database
from tests.support.plans import plan_of
from worker.db.engine import transact
from worker.db.sharing import shares
from worker.db.trip import run
from worker.domain.sharing import Urgency

Fill = Callable[..., None]
# Permit n of the one resident; each has a share at easypark, all of them due, routine and equally old.
FILL = """
    INSERT INTO residents (resident_id) VALUES ('r-1');
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones)
    SELECT lpad(n::text, 32, '0')::uuid, 'r-1', 'active', '2026-01-01', 'standard', '', '', '{{}}'
    FROM generate_series(1, {count}) n;
    INSERT INTO shares
        (permit_id, provider, wanted_version, confirmed_version, urgency, due_at, claimed_version, failures)
    SELECT permit_id, 'easypark', 1, 0, 2, now() - interval '1 hour', 0, 0 FROM permits;
"""


@pytest.fixture
def fill(database: Database) -> Fill:
    def fill(count: int, **states: str) -> None:
        """Make so many shares; `_3="parked = 'x'"` changes the third."""
        with database.connect() as connection:
            connection.execute(FILL.format(count=count))
            for number, state in states.items():
                connection.execute(f"UPDATE shares SET {state} WHERE permit_id = %s", [permit(int(number[1:]))])
            connection.execute("ANALYZE shares")

    return fill


def permit(number: int) -> UUID:
    return UUID(f"{number:032}")


def locked(
    engine: Engine, limit: int = 10, least_urgent: Urgency = Urgency.ROUTINE, provider: str = "easypark"
) -> list[int]:
    due = transact(engine, lambda db: run(db, shares.lock_due(provider, limit, least_urgent)))
    return [int(stored.key.permit_id.hex) for stored in due.shares]


def test_the_most_urgent_is_first_and_then_the_oldest(engine: Engine, fill: Fill) -> None:
    fill(
        6,
        _1="due_at = now() - interval '2 days'",
        _2="due_at = now() - interval '3 days'",
        _3="urgency = 1, due_at = now() - interval '1 s'",
        _4="urgency = 1, due_at = now() - interval '9 s'",
        _5="urgency = 0, due_at = now() - interval '1 s'",
        _6="urgency = 0, due_at = now() - interval '5 s'",
    )
    assert locked(engine) == [6, 5, 4, 3, 2, 1]
    assert locked(engine, limit=3) == [6, 5, 4]
    assert locked(engine, least_urgent=Urgency.CHANGE) == [6, 5, 4, 3]
    assert locked(engine, least_urgent=Urgency.CONSENT) == [6, 5]


def test_what_is_leased_confirmed_later_or_another_providers_is_left_alone(engine: Engine, fill: Fill) -> None:
    fill(
        7,
        _1="lease_id = gen_random_uuid(), lease_until = now() + interval '1 minute', urgency = 0",
        _2="confirmed_version = 2, urgency = 0",
        _3="due_at = now() + interval '1 minute', urgency = 0",
        _4="confirmed_version = 1, urgency = 0",
        _5="provider = 'flowbird', urgency = 0",
        _6="lease_id = gen_random_uuid(), lease_until = now() - interval '1 ms'",
    )
    assert sorted(locked(engine)) == [6, 7]


@pytest.mark.parametrize("shut", ["breaker = 'open'", "breaker = 'half_open'", "held_until = now() + interval '1 min'"])
def test_an_open_breaker_or_a_hold_lets_through_what_is_most_urgent_and_was_never_tried(
    engine: Engine, fill: Fill, database: Database, shut: str
) -> None:
    fill(4, _1="urgency = 0", _2="urgency = 0, failures = 1", _4="urgency = 0, operation = 'taken'")
    with database.connect() as connection:
        connection.execute("INSERT INTO providers (provider) VALUES ('easypark')")
        connection.execute(f"UPDATE providers SET {shut}, probe_at = now() + interval '1 min'")
    assert locked(engine) == [1]


def test_nothing_passes_a_pause(engine: Engine, fill: Fill, database: Database) -> None:
    fill(1, _1="urgency = 0")
    with database.connect() as connection:
        connection.execute("INSERT INTO providers (provider, paused_at) VALUES ('easypark', now())")
    assert locked(engine) == []


def test_what_another_drain_is_locking_is_passed_over(engine: Engine, fill: Fill, database: Database) -> None:
    fill(4)
    with database.connect() as other, other.transaction():
        other.execute("SELECT FROM shares WHERE permit_id = ANY(%s) FOR UPDATE", [[permit(1), permit(3)]])
        assert sorted(locked(engine)) == [2, 4]


def test_fresh_decisions_that_nobody_has_tried_to_send_are_passed_over(engine: Engine, fill: Fill) -> None:
    fill(
        6,
        _1="urgency = 0, due_at = now()",
        _2="urgency = 0, due_at = now() - interval '6 s'",
        _3="urgency = 0, due_at = now(), failures = 1",
        _4="urgency = 0, due_at = now(), operation = 'op-1'",
        _5="urgency = 1, due_at = now()",
    )
    asked = shares.lock_due("easypark", 10, Urgency.ROUTINE, fresh_seconds=5)
    due = transact(engine, lambda db: run(db, asked))
    assert sorted(int(stored.key.permit_id.hex) for stored in due.shares) == [2, 3, 4, 5, 6]
    assert due.has_fresh
    assert len(locked(engine)) == 6


@pytest.mark.parametrize("state", ["lease_until = now() + interval '9 s'", "confirmed_version = 1", "urgency = 1"])
def test_no_decision_is_fresh_that_is_under_way_or_confirmed(engine: Engine, fill: Fill, state: str) -> None:
    fill(1, _1=f"urgency = 0, due_at = now(), {state}" if "urgency" not in state else f"due_at = now(), {state}")
    asked = shares.lock_due("easypark", 10, Urgency.ROUTINE, fresh_seconds=5)
    assert not transact(engine, lambda db: run(db, asked)).has_fresh


def test_the_claims_clock_is_the_databases(engine: Engine, fill: Fill, database: Database) -> None:
    fill(1)
    with database.connect() as connection:
        ((before,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        now = transact(engine, lambda db: run(db, shares.lock_due("easypark", 1, Urgency.ROUTINE))).now
        ((after,),) = connection.execute("SELECT clock_timestamp()").fetchall()
    assert before <= now <= after


def test_a_reference_is_made_for_each_share(engine: Engine, fill: Fill) -> None:
    fill(2)
    found = transact(engine, lambda db: run(db, shares.lock_due("easypark", 10, Urgency.ROUTINE))).shares
    assert len({stored.reference for stored in found}) == 2
    assert {stored.resident_id for stored in found} == {"r-1"}


@pytest.mark.parametrize("waiting", ["now() + interval '1 hour'", "now() - interval '1 hour'"], ids=["later", "due"])
def test_a_claim_finds_its_shares_by_the_index_whatever_the_backlog(
    engine: Engine, fill: Fill, database: Database, waiting: str
) -> None:
    fill(3_000, _7="urgency = 0")
    with database.connect() as connection:
        connection.execute(f"UPDATE shares SET due_at = {waiting} WHERE urgency = 2")
        connection.execute("ANALYZE shares")
    plan = transact(engine, _plan)
    assert "shares_due" in plan
    assert "Seq Scan on shares" not in plan
    assert transact(engine, lambda db: shares.due_providers(db, ["easypark", "flowbird"])) == ["easypark"]


def _plan(db: Connection) -> str:
    asked = shares.lock_due("easypark", 28, Urgency.ROUTINE, fresh_seconds=0.2)
    return plan_of(db, shares._LOCK_DUE, asked.values)


def test_leases_and_waits_are_compared_to_the_transactions_start(
    engine: Engine, fill: Fill, database: Database
) -> None:
    fill(1, _1="lease_id = gen_random_uuid(), lease_until = now() + interval '5 minutes'")
    assert locked(engine) == []
    with database.connect() as connection:
        connection.execute("UPDATE shares SET lease_until = lease_until - %s", [timedelta(minutes=6)])
    assert locked(engine) == [1]
