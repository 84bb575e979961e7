"""What the role of the workers may not do, whatever a worker's code tries."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import Database

LEDGERS = (
    "agent_decisions",
    "consent_decisions",
    "disclosures",
    "disclosure_outcomes",
    "events",
    "jobs",
    "payments",
    "refused_messages",
    "replayed",
)
PURGES = {
    "purge_jobs(%s, 1)": "3 weeks",
    "purge_refused_messages(%s, 1)": "3 weeks",
    "purge_reminders(%s, 1)": "3 weeks",
    "purge_disclosures(%s, '1 minute', '00000000-0000-0000-0000-000000000000', 1)": "11 months",
}
A_COLUMN = """
    SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position DESC LIMIT 1
"""


@pytest.fixture
def worker(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.worker_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def test_a_worker_can_only_read_and_add_to_the_ledgers(database: Database, worker: psycopg.Connection) -> None:
    with database.connect() as owner:
        for ledger in LEDGERS:
            ((column,),) = owner.execute(A_COLUMN, [ledger]).fetchall()
            for attempt in (
                f"UPDATE {ledger} SET {column} = {column}",
                f"DELETE FROM {ledger}",
                f"TRUNCATE {ledger} CASCADE",
                f"DROP TABLE {ledger}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    worker.execute(attempt)
            worker.execute(f"SELECT FROM {ledger}")


def test_every_table_is_either_a_ledger_or_known_to_be_changed_by_workers(database: Database) -> None:
    with database.connect() as owner:
        tables = {row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    changed = {"hub_state", "residents", "permits", "terms", "plate_assignments", "shares"}
    changed |= {"providers", "provider_events", "reconciliations", "reconciled_copies", "ticks", "walks"}
    changed |= {"reminders", "channels", "leftovers", "file_rewrite", "unjournaled"}
    assert tables == {*LEDGERS, *changed, "alembic_version", "consent_texts"}


def test_a_worker_cannot_make_tables_nor_give_itself_rights(worker: psycopg.Connection) -> None:
    for attempt in ("CREATE TABLE mine (id int)", "ALTER TABLE jobs DISABLE TRIGGER ALL"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute(attempt)
    worker.add_notice_handler(lambda _: None)  # granting what one may not grant is a warning to PostgreSQL
    worker.execute("GRANT UPDATE ON jobs TO permit_hub_worker")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("UPDATE jobs SET kind = kind")


@pytest.mark.parametrize(("purge", "floor"), PURGES.items(), ids=[name.split("(")[0] for name in PURGES])
def test_a_worker_purges_by_the_owners_functions_and_nothing_young(
    worker: psycopg.Connection, purge: str, floor: str
) -> None:
    for moment in ("now()", "'infinity'", "NULL", f"now() - interval '{floor}' + interval '1 minute'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="too young"):
            worker.execute("SELECT " + purge.replace("%s", moment))
    worker.execute("SELECT " + purge.replace("%s", f"now() - interval '{floor}'"))


def test_a_worker_can_delete_no_reminder_directly(worker: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("DELETE FROM reminders")


def test_nobody_but_the_workers_and_the_owner_may_purge(database: Database) -> None:
    listed = """
        SELECT proname, prosecdef, proconfig, pg_get_userbyid(proowner), array_agg(DISTINCT CASE grantee
            WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END) AS allowed
        FROM pg_proc CROSS JOIN aclexplode(proacl)
        WHERE proname LIKE 'purge%' GROUP BY 1, 2, 3, 4
    """
    with database.connect() as owner:
        found = owner.execute(listed).fetchall()
    assert len(found) == len(PURGES)
    for _, definer, config, owned_by, allowed in found:
        assert definer
        assert config == ["search_path=pg_catalog, pg_temp"]
        assert set(allowed) == {owned_by, "permit_hub_worker"}


def test_a_table_of_the_workers_own_does_not_stand_in_for_a_ledger(
    database: Database, worker: psycopg.Connection
) -> None:
    with database.connect() as owner:
        owner.execute("""
            INSERT INTO jobs (job_id, kind, outcome, digest, receipt, recorded_at)
            VALUES (gen_random_uuid(), 'permit.renew', 'applied', '', '{}', now() - interval '1 year')
        """)
    worker.execute("CREATE TEMPORARY TABLE jobs (job_id uuid, recorded_at timestamptz)")
    assert worker.execute("SELECT purge_jobs(now() - interval '1 month', 10)").fetchone() == (1,)
