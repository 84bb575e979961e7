"""The key that keys all hashes, by its fingerprint in the database.

With another key no plate, job or copy is found again: two residents would get one plate. So a process with another key
does not work on this database. The first worker that starts says which key it is.
"""

import hashlib
import hmac

from sqlalchemy import Connection, Engine, bindparam, event, select
from sqlalchemy.exc import ProgrammingError

from worker.db import tables

_LABEL = b"permit-hub: the fingerprint of the key that keys hashes"
_CHECKED = "hash_key_checked"
_NOT_MIGRATED = frozenset({"42P01", "42703"})  # there is no such table, or no such column
_FINGERPRINT = tables.hub_state.c.hash_key_fingerprint
_READ = select(_FINGERPRINT)
_ADOPT = tables.hub_state.update().where(_FINGERPRINT.is_(None)).values(hash_key_fingerprint=bindparam("fingerprint"))


class AnotherHashKeyError(Exception):
    """The database's hashes were made with another key than this process has."""

    def __init__(self) -> None:
        super().__init__("PERMIT_HUB_HASH_KEY is wrong: this database was written with another key")


def fingerprint(key: bytes) -> str:
    """Return what tells a key from another and does not give it away: 32 hexadecimal digits."""
    return hmac.digest(key, _LABEL, hashlib.sha256).hex()[:32]


def adopt(db: Connection, key: bytes) -> None:
    """Make a key the database's, unless it has one."""
    db.execute(_ADOPT, {"fingerprint": fingerprint(key)})


def check_at_each_connection(engine: Engine, key: bytes) -> None:
    """Have an engine check the key whenever it has opened a connection; it then raises `AnotherHashKeyError`."""

    @event.listens_for(engine, "engine_connect")
    def check(connection: Connection) -> None:
        if connection.info.get(_CHECKED):
            return
        try:
            known = _read(connection)
        except BaseException:
            connection.close()  # nobody else can: whoever connects gets the error instead
            raise
        if known is not None and known != fingerprint(key):
            connection.close()
            raise AnotherHashKeyError
        if known is not None:
            connection.info[_CHECKED] = True


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
