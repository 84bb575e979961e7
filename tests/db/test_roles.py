"""What each role of the database may do, asked of the server: a lane can write no permit, decision or job."""

import tomllib
from pathlib import Path

import psycopg
import pytest

from ops.embedded.postgres import LANE, WORKER
from tests.conftest import Database

RIGHTS: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("rights.toml").read_text())
ASKED = {"s": "SELECT", "i": "INSERT", "u": "UPDATE", "d": "DELETE"}
LEDGERS = [name for name, rights in RIGHTS[WORKER].items() if rights[1] == "I"]


def found(owner: psycopg.Connection, role: str, table: str) -> str:
    """Return a role's rights to a table, in the letters of the file."""
    letters = ""
    for letter, right in ASKED.items():
        whole = owner.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, right]).fetchone() == (True,)
        some = right != "DELETE" and owner.execute(
            "SELECT has_any_column_privilege(%s, %s, %s)", [role, table, right]
        ).fetchone() == (True,)
        letters += letter if whole else letter.upper() if some else "-"
    return letters


@pytest.mark.parametrize("role", [WORKER, LANE])
def test_each_role_may_do_what_the_file_says_and_no_more(database: Database, role: str) -> None:
    with database.connect() as owner:
        tables = [row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        assert {str(table): found(owner, role, str(table)) for table in tables} == RIGHTS[role]


@pytest.mark.parametrize("ledger", LEDGERS)
def test_no_worker_says_when_a_row_was_written(database: Database, ledger: str) -> None:
    for role in (WORKER, LANE):
        with psycopg.connect(database.server.url(role, database.name).replace("+psycopg", "")) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"INSERT INTO {ledger} (recorded_at) VALUES (now() - interval '1 year')")
            connection.rollback()


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE permits SET status = 'active'",
        "INSERT INTO terms (permit_id, first_day, last_day) VALUES (gen_random_uuid(), now(), now())",
        "INSERT INTO consent_decisions (resident_id, version) VALUES ('r-1', 1)",
        "UPDATE residents SET name = 'x'",
        "DELETE FROM shares",
        "INSERT INTO shares (permit_id, provider) VALUES (gen_random_uuid(), 'easypark')",
        "SELECT * FROM jobs",
        "SELECT purge_jobs(now() - interval '2 years', 10)",
    ],
)
def test_a_lane_changes_no_truth(database: Database, attempt: str) -> None:
    url = database.server.url(LANE, database.name).replace("+psycopg", "")
    with psycopg.connect(url) as lane, pytest.raises(psycopg.errors.InsufficientPrivilege):
        lane.execute(attempt)
