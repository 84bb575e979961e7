"""The clock's ticks, each acted on once, however many clocks there are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Connection, column, text

from worker.db import tables

_TICKS = tables.ticks
# Another tick than the last, not a later one: a clock that was set back must not stand still for an hour.
_BEGIN = text("""
    INSERT INTO ticks (task, seconds, tick, ticked_at)
    VALUES (:task, CAST(:seconds AS float), floor(extract(epoch FROM now()) / CAST(:seconds AS float)), now())
    ON CONFLICT (task) DO UPDATE
        SET seconds = excluded.seconds, tick = excluded.tick, ticked_at = excluded.ticked_at
        WHERE ticks.tick <> excluded.tick
    RETURNING task
""").columns(_TICKS.c.task)
_READ = text("""
    SELECT task, ticked_at, ticked_at < now() - make_interval(secs => 2 * seconds) AS missed FROM ticks ORDER BY task
""").columns(*_TICKS.c["task", "ticked_at"], column("missed", Boolean))


@dataclass(frozen=True, slots=True)
class Tick:
    """When a task was last started by the clock; `missed` once two more should have come."""

    task: str
    ticked_at: datetime
    missed: bool


def begin(db: Connection, task: str, seconds: float) -> bool:
    """Take the tick of this moment, of those that come every so many seconds; say whether nobody had it before."""
    return db.execute(_BEGIN, {"task": task, "seconds": seconds}).first() is not None


def read(db: Connection) -> list[Tick]:
    """Return the last tick of each task."""
    return [Tick(**row) for row in db.execute(_READ).mappings()]
