"""Every statement fits the migrated tables, and what the workers may do."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import TextClause, TextualSelect, text

from tests.conftest import Database
from tests.db import statements
from worker.db.sharing import shares


@pytest.fixture
def as_worker(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.worker_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def test_no_statement_hides_from_these_tests() -> None:
    assert statements.hidden() == []


@pytest.mark.parametrize(
    "execution",
    [
        'db.execute(text("SELECT 1"))',
        "db.execute(_UNPUBLISHED.limit(1))",
        "db.scalar(select(1))",
        "db.execute(statement, {})",
        'db.exec_driver_sql("SELECT 1")',
        'write(text("SELECT 1"), {})',
        "Statement(_NOT_THERE, {}, bool)",
        "db.execute(_NOT_THERE)",
        "for one in (_UNPUBLISHED, text(name)): db.execute(one)",
    ],
)
def test_a_statement_that_is_made_while_it_runs_is_found(execution: str) -> None:
    assert statements.hidden_in("worker.db.status", f"db.execute(_UNPUBLISHED)\n{execution}") == [2]


@pytest.fixture
def as_owner(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.owner_url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def test_every_statement_can_be_prepared_and_run_by_a_worker_or_by_the_owner_whose_it_is(
    as_worker: psycopg.Connection, as_owner: psycopg.Connection
) -> None:
    refused = {}
    for name, statement in statements.prepared().items():
        try:
            statements.describe(as_owner if statements.is_owners(name) else as_worker, statement)
        except psycopg.Error as error:
            refused[name] = str(error)
    assert refused == {}


def test_every_text_that_returns_rows_names_their_columns_and_types(as_owner: psycopg.Connection) -> None:
    wrong = {}
    for name, statement in statements.prepared().items():
        if isinstance(statement, TextClause | TextualSelect):
            said = statement.selected_columns if isinstance(statement, TextualSelect) else ()
            expected = [(column.name, statements.oid(as_owner, column)) for column in said]
            if (told := statements.describe(as_owner, statement)) != expected:
                wrong[name] = told, expected
    assert wrong == {}


def test_a_renamed_column_is_found(database: Database, as_worker: psycopg.Connection) -> None:
    with database.connect() as owner:
        owner.execute("ALTER TABLE shares RENAME held_subject TO subject_held")
    with pytest.raises(psycopg.errors.UndefinedColumn):
        statements.describe(as_worker, shares._LOCK_DUE)


def test_what_a_worker_may_not_do_is_found(as_worker: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        statements.describe(as_worker, text("DELETE FROM jobs WHERE job_id = :job_id"))
