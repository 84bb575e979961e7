"""Several statements in one round trip to the database (libpq's pipeline mode).

The server runs them one after the other: each sees what was committed before it began, also while an earlier one waited
for a lock. A statement that runs alone costs a round trip, which is most of the cost of a small one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.pq import PipelineStatus
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Executable, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")
Rows = Sequence[Any]

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def _nothing(_: Rows) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Statement(Generic[T]):
    """A statement with its values, and how its rows are read; values are as psycopg takes them."""

    sql: Executable
    values: Mapping[str, Any]
    read: Callable[[Rows], T]

    def then(self, act: Callable[[T], None]) -> "Statement[T]":
        """Return the statement with an act on its answer; it may raise."""

        def read(rows: Rows) -> T:
            answer = self.read(rows)
            act(answer)
            return answer

        return replace(self, read=read)


def write(sql: Executable, values: Mapping[str, Any]) -> Statement[None]:
    """Return a statement without rows."""
    return Statement(sql, values, _nothing)


_ONE_PLAN = text("SET LOCAL plan_cache_mode = force_generic_plan")
ONE_PLAN = write(_ONE_PLAN, {})
"""Have the rest of a transaction, which reads and writes rows by their keys, use one plan for all values.

PostgreSQL would plan a statement with a list each time: it expects ten values, and finds that fewer are cheaper.
"""


@dataclass(slots=True)
class Answer(Generic[T]):
    """The answer to a statement, once its trip has ended."""

    _given: list[T] = field(default_factory=list)

    @property
    def value(self) -> T:
        """Return the answer."""
        (value,) = self._given
        return value

    def give(self, value: T) -> None:
        """Set the answer."""
        self._given.append(value)


@dataclass(slots=True)
class Trip:
    """Statements that are sent together when the `with` block ends, in this order.

    If one fails, those after it do not run. The answers before it are read first, so that they may raise their own
    error.
    """

    db: Connection
    _asked: list[tuple[Statement[Any], Answer[Any]]] = field(default_factory=list)

    def __enter__(self) -> "Trip":
        """Begin to gather statements."""
        return self

    def __exit__(self, error_type: object, *_: object) -> None:
        """Send them, unless there was an error."""
        if error_type is None and self._asked:
            self._run()

    def ask(self, statement: Statement[T]) -> Answer[T]:
        """Add a statement; its answer is there after the block."""
        answer = Answer[T]()
        self._asked.append((statement, answer))
        return answer

    def _run(self) -> None:
        driver = self.db.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        cursors = [driver.cursor(row_factory=namedtuple_row) for _ in self._asked]
        failed: psycopg.Error | None = None
        try:
            with driver.pipeline():  # also for one statement: BEGIN goes with it
                for cursor, (statement, _) in zip(cursors, self._asked, strict=True):
                    _execute(cursor, statement)
        except psycopg.Error as error:
            if driver.pgconn.pipeline_status != PipelineStatus.OFF and error.__context__ is not None:
                self.db.invalidate(error)  # a time limit or the server's end came in between: the pipeline stays open
                first = error.__context__
                raise (self._translated(first, driver) if isinstance(first, psycopg.Error) else first) from None
            failed = error
        for cursor, (statement, answer) in zip(cursors, self._asked, strict=True):
            if failed is not None and cursor.pgresult is None:
                raise self._translated(failed, driver) from None
            answer.give(statement.read(cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else ()))
        if failed is not None:
            raise self._translated(failed, driver) from None

    def _translated(self, error: psycopg.Error, driver: psycopg.Connection[Any]) -> BaseException:
        """Return the error as SQLAlchemy raises it; a closed connection leaves the pool."""
        if driver.closed:
            self.db.invalidate(error)
        return DBAPIError.instance(
            None,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=driver.closed,
            dialect=self.db.dialect,
        )


def run(db: Connection, statement: Statement[T]) -> T:
    """Run one statement alone."""
    with Trip(db) as trip:
        answer = trip.ask(statement)
    return answer.value


def _execute(cursor: psycopg.Cursor[Any], statement: Statement[Any]) -> None:
    sql, constants = _compiled(statement.sql)
    cursor.execute(sql, {**constants, **statement.values} if constants else statement.values)


@cache
def _compiled(sql: Executable) -> tuple[bytes, Mapping[str, Any]]:
    """Return a statement as psycopg takes it, and the values that are part of it."""
    compiled = sql.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
    return str(compiled).encode(), {name: bound.value for name, bound in compiled.binds.items() if not bound.required}
