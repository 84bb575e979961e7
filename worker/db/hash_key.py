"""The key that keys all hashes, by its fingerprint in the database.

With another key no plate, job or copy is found again: two residents would get one plate. So a process without it does
not work on this database. The first worker that starts says which key it is.
"""

from time import monotonic

from sqlalchemy import Connection, Engine, bindparam, event, select
from sqlalchemy.exc import ProgrammingError

from worker.db import tables
from worker.domain.keys import HashKeys

ASK_AGAIN_SECONDS = 5.0
"""For how long a connection relies on what the database said: a process notices within this that it has a new key."""

_CHECKED = "hash_key_checked"
_NOT_MIGRATED = frozenset({"42P01", "42703"})  # there is no such table, or no such column
_FINGERPRINT = tables.hub_state.c.hash_key_fingerprint
_READ = select(_FINGERPRINT)
_ADOPT = tables.hub_state.update().where(_FINGERPRINT.is_(None)).values(hash_key_fingerprint=bindparam("fingerprint"))


def adopt(db: Connection, keys: HashKeys) -> None:
    """Make the process's current key the database's, unless that has one."""
    db.execute(_ADOPT, {"fingerprint": keys.fingerprint})


def check_at_each_connection(engine: Engine, keys: HashKeys) -> None:
    """Have an engine ask for the key whenever a connection is used; it then raises `AnotherHashKeyError`."""

    @event.listens_for(engine, "engine_connect")
    def check(connection: Connection) -> None:
        if connection.info.get(_CHECKED, -ASK_AGAIN_SECONDS) > monotonic() - ASK_AGAIN_SECONDS:
            return
        try:
            known = _read(connection)
            keys.follow(known)
        except BaseException:
            connection.close()  # nobody else can: whoever connects gets the error instead
            raise
        if known is not None:
            connection.info[_CHECKED] = monotonic()


def _read(connection: Connection) -> str | None:
    """Return the database's fingerprint; None before a worker has started, or a migration has made its place."""
    try:
        known: str | None = connection.execute(_READ).scalar()
    except ProgrammingError as error:
        connection.rollback()
        if getattr(error.orig, "sqlstate", None) not in _NOT_MIGRATED:
            raise
        return None
    connection.commit()
    return known
