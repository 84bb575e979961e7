"""The clock's ticks; each is acted on once, even with several clocks."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Connection, column, text

from worker.db import tables

_TICKS = tables.ticks
# Any other tick than the last, not only a later one: a clock that was set back must not stop for an hour.
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
    """When the clock last started a task; `missed` once two further ticks are overdue."""

    task: str
    ticked_at: datetime
    missed: bool


def begin(db: Connection, task: str, seconds: float) -> bool:
    """Take the current tick of a task that runs every `seconds`; return whether it was still free."""
    return db.execute(_BEGIN, {"task": task, "seconds": seconds}).first() is not None


def read(db: Connection) -> list[Tick]:
    """Return the last tick of each task."""
    return [Tick(**row) for row in db.execute(_READ).mappings()]
