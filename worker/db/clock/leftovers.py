"""What erasures and purges may have left in Redis and in its append-only file, until that was rewritten."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Interval, bindparam, cast, func, or_, select

from worker.db import tables

_LEFTOVERS = tables.leftovers
_REWRITE = tables.file_rewrite
_NOTE = _LEFTOVERS.insert().inline().values(resident_id=bindparam("resident_id"))
_TAKE = (
    _LEFTOVERS.update()
    .where(~_LEFTOVERS.c.being_rewritten)
    .where(_LEFTOVERS.c.noted_at <= func.clock_timestamp() - cast(bindparam("settle"), Interval))
    .values(being_rewritten=True)
    .returning(_LEFTOVERS.c.resident_id)
)
_GIVE_BACK = _LEFTOVERS.update().where(_LEFTOVERS.c.being_rewritten).values(being_rewritten=False)
_DELETE = _LEFTOVERS.delete().where(_LEFTOVERS.c.being_rewritten)
_READ = select(
    *_REWRITE.c["redis_run_id", "asked_at", "problem"],
    or_(_REWRITE.c.asked_at.is_(None), _REWRITE.c.asked_at <= func.now() - cast(timedelta(days=1), Interval)).label(
        "is_due"
    ),
)
_ASKED = _REWRITE.update().values(redis_run_id=bindparam("run_id"), asked_at=func.now())
_ENDED = _REWRITE.update().values(redis_run_id=None, problem=bindparam("problem"))
_REFUSED = _ENDED.values(asked_at=func.now())


class Problem(StrEnum):
    """Why Redis rewrites nothing."""

    FAILED = "failed"  # it is asked again
    REFUSED = "refused"  # its operator has to see to it


@dataclass(frozen=True, slots=True)
class FileRewrite:
    """The last rewrite: the Redis process that is at it, when that was asked, and whether the day's next one is due."""

    redis_run_id: str | None
    asked_at: datetime | None
    problem: Problem | None
    is_due: bool


def note(db: Connection, resident_id: str | None = None) -> None:
    """Note that something has left the database; of an erasure, of which resident."""
    db.execute(_NOTE, {"resident_id": resident_id})


def take(db: Connection, settle: timedelta) -> tuple[int, set[str]]:
    """Take what was noted at least `settle` ago for a rewrite that begins now; return the count, and who was erased."""
    taken = list(db.execute(_TAKE, {"settle": settle}).scalars())
    return len(taken), {name for name in taken if name is not None}


def asked(db: Connection, run_id: str) -> None:
    """Note which Redis process has taken the question."""
    db.execute(_ASKED, {"run_id": run_id})


def end(db: Connection) -> None:
    """Note that the rewrite has ended: what was taken for it is gone."""
    db.execute(_DELETE)
    db.execute(_ENDED, {"problem": None})


def give_back(db: Connection) -> None:
    """Have what was taken wait for the next rewrite."""
    db.execute(_GIVE_BACK)


def fail(db: Connection) -> None:
    """Note that the rewrite came to nothing."""
    give_back(db)
    db.execute(_ENDED, {"problem": Problem.FAILED.value})


def refuse(db: Connection) -> None:
    """Note that Redis rewrites nothing for the hub: nothing waits for it, and it is asked again another day."""
    db.execute(_DELETE)
    db.execute(_REFUSED, {"problem": Problem.REFUSED.value})


def read(db: Connection) -> FileRewrite:
    """Return how far the rewrite has come."""
    row = db.execute(_READ).one()
    return FileRewrite(row.redis_run_id, row.asked_at, row.problem and Problem(row.problem), row.is_due)
