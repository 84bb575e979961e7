"""What was erased cannot be read in PostgreSQL's statistics: it samples no personal column."""

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Date, DateTime, Double, Integer, NullPool, create_engine
from sqlalchemy.dialects.postgresql import TSTZRANGE

from tests.conftest import Database
from worker.db.migrate import configuration, migrate
from worker.db.tables import metadata

COLUMNS = [column for table in metadata.tables.values() for column in table.c]
PERSONAL: dict[str, list[str]] = {}
for column in COLUMNS:
    if column.info.get("personal"):
        PERSONAL.setdefault(column.table.name, []).append(column.name)
MADE_LATER = {"unjournaled"}
TELLS_NOTHING = (Boolean, Integer, Double, Date, DateTime, TSTZRANGE)  # states, counters, days and moments
MARK = "distinctive"
VALUES = {
    "text": f"'{MARK}-' || n",
    "varchar": "chr(65 + n % 26) || 'X'",
    "uuid": f"md5('{MARK}' || n)::uuid",
    "bytea": f"decode(md5('{MARK}' || n), 'hex')",
    "jsonb": f"jsonb_build_object('pay_by', '{MARK}-' || n)",
    "_text": f"ARRAY['{MARK}-' || n % 7]",
    "date": "date '2031-01-01' + n",
    "timestamptz": "now() + n * interval '1 day'",
    "tstzrange": "'empty'::tstzrange",
    "bool": "true",
    "int2": "n",
    "int4": "n",
    "int8": "n",
    "float8": "n",
}
CHECKED = {
    "status": "'active'",
    "choice": "'allow'",
    "decision": "'approve'",
    "occasion": "'expiry'",
    "state": "'due'",
    "breaker": "'closed'",
}
FILLED = """
    SELECT table_name, column_name, udt_name FROM information_schema.columns JOIN information_schema.tables
        USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND identity_generation IS NULL
        AND table_name NOT IN ('alembic_version', 'hub_state', 'file_rewrite', 'consent_texts')
"""
SAMPLES_OF = """
    SELECT a.attname FROM pg_statistic s JOIN pg_attribute a ON (a.attrelid, a.attnum) = (s.starelid, s.staattnum)
    WHERE s.starelid = %s::regclass AND a.attname = ANY(%s)
"""
ALL_SAMPLES = """
    SELECT concat_ws(' ', starelid::regclass, staattnum, stavalues1, stavalues2, stavalues3, stavalues4, stavalues5)
    FROM pg_statistic JOIN pg_class ON pg_class.oid = starelid WHERE relnamespace = 'public'::regnamespace
"""
SEEN_BY_WORKERS = "SELECT concat_ws(' ', most_common_vals, histogram_bounds, most_common_elems) FROM pg_stats"


def fill(connection: psycopg.Connection) -> None:
    """Write 300 rows to each table, with values that can be told from all others."""
    columns: dict[str, dict[str, str]] = {}
    for table, name, kind in connection.execute(FILLED).fetchall():
        columns.setdefault(table, {})[name] = CHECKED.get(name, VALUES[kind])
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # without foreign keys
        for table, values in columns.items():
            connection.execute(
                f"INSERT INTO {table} ({', '.join(values)})"
                f" SELECT {', '.join(values.values())} FROM generate_series(1, 300) n"
            )


@pytest.fixture
def upgraded(empty_database: Database) -> Database:
    """Return a database that had sampled personal columns before it was upgraded."""
    engine = create_engine(empty_database.owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        config = configuration(connection)
        before = ScriptDirectory.from_config(config).get_revision("0008").down_revision
        assert isinstance(before, str)
        command.upgrade(config, before)
    with empty_database.connect() as connection:
        fill(connection)
        connection.execute("ANALYZE")
        assert MARK in everything(connection)
        assert connection.execute(SAMPLES_OF, ["plate_assignments", ["plate_key"]]).fetchall()
        assert connection.execute(SAMPLES_OF, ["permits_unpaid", ["expr"]]).fetchall()
    migrate(empty_database.owner_url)
    return empty_database


@pytest.fixture
def filled(database: Database) -> Database:
    with database.connect() as connection:
        fill(connection)
        connection.execute("ANALYZE")
    return database


def everything(connection: psycopg.Connection) -> str:
    return "\n".join(row for (row,) in connection.execute(ALL_SAMPLES).fetchall())


def personal_samples(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return [
        (table, row[0])
        for table, names in (PERSONAL | {"permits_unpaid": ["expr"]}).items()
        for row in connection.execute(SAMPLES_OF, [table, names]).fetchall()
    ]


def test_an_upgrade_drops_the_samples_that_were_there(upgraded: Database) -> None:
    with upgraded.connect() as connection:
        assert personal_samples(connection) == []


def test_what_is_analysed_after_an_upgrade_is_not_sampled_again(upgraded: Database) -> None:
    with upgraded.connect() as connection:
        connection.execute("ANALYZE")
        assert personal_samples(connection) == []


def test_an_upgrade_keeps_every_row(upgraded: Database) -> None:
    with upgraded.connect() as connection:
        for table in PERSONAL.keys() - MADE_LATER:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (300,)


def test_no_personal_column_is_ever_sampled(filled: Database) -> None:
    with filled.connect() as connection:
        assert personal_samples(connection) == []
        assert connection.execute(SAMPLES_OF, ["permits", ["status"]]).fetchall() == [("status",)]
    with psycopg.connect(filled.worker_url.replace("+psycopg", "")) as connection:
        seen = [row for (row,) in connection.execute(SEEN_BY_WORKERS).fetchall()]
    assert [row for row in seen if f"{MARK}-1" in row and "{" + MARK not in row] == []


def test_every_column_that_may_tell_of_a_person_is_declared_personal_or_opaque() -> None:
    undecided = [column for column in COLUMNS if "personal" not in column.info]
    assert [str(column) for column in undecided if not isinstance(column.type, TELLS_NOTHING)] == []


def test_the_migrations_keep_no_statistics_of_personal_columns_and_of_no_others(database: Database) -> None:
    found = """
        SELECT c.relname, a.attname, coalesce(a.attstattarget, -1) FROM pg_attribute a JOIN pg_class c
            ON c.oid = a.attrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm') AND a.attnum > 0
            AND NOT a.attisdropped AND c.relname <> 'alembic_version'
    """
    with database.connect() as connection:
        targets = {(table, name): target for table, name, target in connection.execute(found).fetchall()}
    declared = {(column.table.name, column.name): column.info.get("personal", False) for column in COLUMNS}
    assert targets == {column: 0 if personal else -1 for column, personal in declared.items()}


def test_no_expression_and_no_combination_of_columns_is_sampled_unknown_to_us(database: Database) -> None:
    expressions = """
        SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'public'::regnamespace AND i.indkey[a.attnum - 1] = 0
            AND coalesce(a.attstattarget, -1) <> 0
    """
    with database.connect() as connection:
        assert {name for (name,) in connection.execute(expressions).fetchall()} == {"terms_apart"}
        assert connection.execute("SELECT stxname FROM pg_statistic_ext").fetchall() == []
