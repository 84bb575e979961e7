"""How a worker reaches the database: time-outs, so that no frozen worker hides rows, and one bounded retry."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

from worker.db import hash_key
from worker.db.trip import run, write
from worker.domain.keys import AnotherHashKeyError, HashKeys
from worker.settings import Settings

T = TypeVar("T")


class SessionEndedError(Exception):
    """The server ended a session whose worker stood still in a transaction for too long; nothing was committed."""


UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError, SessionEndedError, AnotherHashKeyError)
"""The errors while the database is unavailable or overloaded, or is not this one; a later attempt may succeed."""

_SESSION = {
    "statement_timeout": "4s",  # a task has 10 s
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "4s",  # a worker frozen in a transaction loses it, and its locks
    "timezone": "UTC",
    "jit": "off",  # every statement here is short
    "client_min_messages": "error",
}
_CONNECTION = {
    "application_name": "permit-hub",
    "connect_timeout": 3,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms
}
_SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_RELAX = text("SET LOCAL synchronous_commit = off")
_IS_NULL = "23502"
_CONFLICTS = frozenset({"40001", "40P01"})  # serialisation failure, deadlock: PostgreSQL asks to try again


class UnfitRowError(Exception):
    """The database refused a row: the SQLSTATE, and the constraint if one was broken; never a value."""

    def __init__(self, sqlstate: str | None, constraint: str | None) -> None:
        super().__init__(f"SQLSTATE {sqlstate}" + (f", constraint {constraint}" if constraint else ""))
        self.sqlstate = sqlstate
        self.constraint = constraint


def make_engine(settings: Settings, keys: HashKeys) -> Engine:
    """Make the engine of one worker process; values never appear in its errors or logs.

    Connecting tells these keys which of them is the database's, and raises `AnotherHashKeyError` if it is another.
    """
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    engine = create_engine(
        settings.database_url,
        hide_parameters=True,
        pool_size=4,
        max_overflow=4,
        pool_recycle=1_800,
        connect_args=_CONNECTION | {"options": options},
    )
    hash_key.check_at_each_connection(engine, keys)
    return engine


def transact(engine: Engine, work: Callable[[Connection], T], *, relaxed: bool = False) -> T:
    """Run `work` in one transaction, once more if PostgreSQL found a conflict; commit unless it raises.

    `relaxed` commits without waiting for the disk: only for changes that the hub makes again if they are lost.

    Raises:
        UnfitRowError: `work` broke a constraint that it did not handle, or a value does not fit its column.
        SessionEndedError: this process stood still for longer than a transaction may.
    """

    def once() -> T:
        try:
            with engine.begin() as connection:
                if relaxed:
                    run(connection, write(_RELAX, {}))
                return work(connection)
        except (IntegrityError, DataError) as error:
            if _lacks_the_key(error):
                raise AnotherHashKeyError from None
            unfit = UnfitRowError(sqlstate(error), constraint_of(error))
        except InternalError as error:  # the class that psycopg has for the time-out of an idle transaction
            if not error.connection_invalidated:
                raise
            raise SessionEndedError(sqlstate(error)) from None
        raise unfit  # outside of the handler: the original, which prints the row, is not even its context

    return Retrying(
        retry=retry_if_exception(_is_conflict), stop=stop_after_attempt(2), wait=wait_random(0, 0.05), reraise=True
    )(once)


def snapshot(db: Connection) -> None:
    """Make this transaction REPEATABLE READ, READ ONLY."""
    db.execute(_SNAPSHOT)


def _is_conflict(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and sqlstate(error) in _CONFLICTS


def sqlstate(error: DBAPIError) -> str | None:
    """Return PostgreSQL's five-character code of an error."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state


def _lacks_the_key(error: DBAPIError) -> bool:
    """Return whether a plate had no hash by the database's key: since a moment ago, that is another."""
    column = getattr(getattr(error.orig, "diag", None), "column_name", None)
    return sqlstate(error) == _IS_NULL and column == "plate_key"


def constraint_of(error: Exception) -> str | None:
    """Return the name of the constraint that a statement broke; its message would print the values."""
    diagnostic = getattr(getattr(error, "orig", None), "diag", None)
    name: str | None = getattr(diagnostic, "constraint_name", None)
    return name
