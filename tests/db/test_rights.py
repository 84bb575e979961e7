"""What the role of the workers may not do, whatever a worker's code tries."""

import psycopg
import pytest

LEDGERS = (
    "consent_decisions",
    "disclosures",
    "disclosure_outcomes",
    "events",
    "jobs",
    "payments",
    "refused_messages",
)
A_COLUMN = """
    SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position DESC LIMIT 1
"""


@pytest.fixture
def worker(database):
    with psycopg.connect(database.worker_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def test_a_worker_can_only_read_and_add_to_the_ledgers(database, worker):
    with database.connect() as owner:
        for ledger in LEDGERS:
            column = owner.execute(A_COLUMN, [ledger]).fetchone()[0]
            for attempt in (
                f"UPDATE {ledger} SET {column} = {column}",
                f"DELETE FROM {ledger}",
                f"TRUNCATE {ledger} CASCADE",
                f"DROP TABLE {ledger}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    worker.execute(attempt)
            worker.execute(f"SELECT FROM {ledger}")


def test_every_table_is_either_a_ledger_or_known_to_be_changed_by_workers(database):
    with database.connect() as owner:
        tables = {row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    changed = {"hub_state", "residents", "permits", "terms", "plate_assignments", "shares"}
    changed |= {"providers", "provider_events", "reconciliations", "reconciled_copies", "ticks"}
    changed |= {"reminders", "channels"}
    assert tables == {*LEDGERS, *changed, "alembic_version"}


def test_a_worker_cannot_make_tables_nor_give_itself_rights(worker):
    for attempt in ("CREATE TABLE mine (id int)", "ALTER TABLE jobs DISABLE TRIGGER ALL"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute(attempt)
    worker.add_notice_handler(lambda _: None)  # granting what one may not grant is a warning to PostgreSQL
    worker.execute("GRANT UPDATE ON jobs TO permit_hub_worker")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("UPDATE jobs SET kind = kind")
