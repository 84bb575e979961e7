"""The hub's own state: the epoch of what it publishes, and whether its database is current or went back in time.

A database goes back when a backup is restored, or when a copy that lacks the last changes takes over. Then it is in
another *place* (another database, another start of its server, another file of this table), or it was last compared
long ago, or both. It counts as current only once it is compared with what is remembered outside of it.
"""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Connection, DateTime, Row, bindparam, column, func, select, text

from worker.db import tables
from worker.db.trip import Rows, Statement

FRESH = timedelta(minutes=1)
"""How long a comparison counts; each sweep compares."""


class Sign(StrEnum):
    """What shows that the database went back."""

    REDIS_IS_AHEAD = "redis_is_ahead"  # Redis remembers a later mark
    JOURNAL_IS_AHEAD = "journal_is_ahead"  # the journal has a decision that the database does not know


@dataclass(frozen=True, slots=True)
class HubState:
    """The one row of the hub itself."""

    epoch: int
    redis_run_id: str | None
    cleared_epoch: int  # Redis has no documents of an older epoch
    mark: int  # grows with each sweep
    place: str | None  # where the database was when it was last compared
    compared_at: datetime | None
    is_journaled: bool  # decisions are, so that only a process with the journal can compare
    restored_at: datetime | None  # when it was found to have gone back, until an operator releases what is withheld
    restored_sign: Sign | None
    lost_since: datetime | None  # what was decided later may be lost
    replayed_at: datetime | None  # since then


_STATE = tables.hub_state
_COLUMNS = [_STATE.c[field.name] for field in fields(HubState)]
PLACE = """
    concat_ws(' ', (SELECT oid FROM pg_database WHERE datname = current_database()),
        extract(epoch FROM pg_postmaster_start_time()), pg_relation_filenode('hub_state'))
"""
_FRESH_SECONDS = int(FRESH.total_seconds())
IS_CURRENT = f"""
    (SELECT coalesce(restored_at IS NULL AND place = {PLACE}
        AND compared_at > now() - interval '{_FRESH_SECONDS} seconds', false) FROM hub_state)
"""
"""In SQL: whether the database is known to be current. Else nothing goes out on the strength of a consent in it."""

_READ = select(*_COLUMNS)
_LOCK = _READ.with_for_update()
_WHERE = text(f"SELECT {PLACE} AS place, clock_timestamp() AS now").columns(_STATE.c.place, now=DateTime(timezone=True))
_IS_CURRENT = text(f"SELECT {IS_CURRENT} AS is_current").columns(column("is_current", Boolean))
_WRITE = _STATE.update().values({column.name: bindparam(column.name) for column in _COLUMNS})
_RESTORED: dict[str, Any] = {
    "restored_at": func.now(),
    "restored_sign": bindparam("sign"),
    "lost_since": _STATE.c.compared_at,
    "replayed_at": None,
}
_NOTE_RESTORED = _STATE.update().values(_RESTORED)
_NOTE_REPLAYED = _STATE.update().where(_STATE.c.restored_at.is_not(None)).values(replayed_at=func.clock_timestamp())
_RELEASE = text(f"""
    UPDATE hub_state SET restored_at = NULL, restored_sign = NULL, lost_since = NULL, replayed_at = NULL,
        is_journaled = :is_journaled, place = {PLACE}, compared_at = clock_timestamp()
""")


def read(db: Connection) -> HubState:
    """Return the hub's state."""
    return _state(db.execute(_READ).one())


def lock(db: Connection) -> HubState:
    """Lock and return the hub's state, so that one process at a time decides on epochs."""
    return _state(db.execute(_LOCK).one())


def write(db: Connection, state: HubState) -> None:
    """Store the hub's state."""
    db.execute(_WRITE, asdict(state))


def where(db: Connection) -> tuple[str, datetime]:
    """Return where the database is, and its time."""
    row = db.execute(_WHERE).one()
    return row.place, row.now


def is_current() -> Statement[bool]:
    """Return whether the database is known to be current."""
    return Statement(_IS_CURRENT, {}, _flag)


def note_restored(db: Connection, sign: Sign) -> None:
    """Note that the database went back, to when it was last compared: what rests on consent is withheld."""
    db.execute(_NOTE_RESTORED, {"sign": sign.value})


def note_replayed(db: Connection) -> None:
    """Note that the journal is replayed."""
    db.execute(_NOTE_REPLAYED)


def release(db: Connection, *, is_journaled: bool) -> None:
    """Let go what is withheld: the database counts as current, even if it lacks decisions."""
    db.execute(_RELEASE, {"is_journaled": is_journaled})


def _flag(rows: Rows) -> bool:
    found: bool = rows[0].is_current
    return found


def _state(row: Row[*tuple[Any, ...]]) -> HubState:
    state = HubState(*row)
    return state if state.restored_sign is None else replace(state, restored_sign=Sign(state.restored_sign))
