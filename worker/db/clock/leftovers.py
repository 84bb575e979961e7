"""What erasures and purges may have left in Redis and its append-only file, until the file is rewritten."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Interval, bindparam, cast, func, or_, select

from worker.db import tables
from worker.db.trip import Statement, write

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
    """Why Redis does not rewrite its file."""

    FAILED = "failed"  # the hub asks again
    REFUSED = "refused"  # the operator has to act


@dataclass(frozen=True, slots=True)
class FileRewrite:
    """The last rewrite: the Redis process that runs it, when it was asked, and whether the next one is due."""

    redis_run_id: str | None
    asked_at: datetime | None
    problem: Problem | None
    is_due: bool


def note(resident_id: str | None = None) -> Statement[None]:
    """Note that data was deleted; `resident_id` if it was an erasure."""
    return write(_NOTE, {"resident_id": resident_id})


def take(db: Connection, settle: timedelta) -> tuple[int, set[str]]:
    """Take the notes that are at least `settle` old for a rewrite; return their count, and the erased residents."""
    taken = list(db.execute(_TAKE, {"settle": settle}).scalars())
    return len(taken), {name for name in taken if name is not None}


def asked(db: Connection, run_id: str) -> None:
    """Note which Redis process has accepted the request."""
    db.execute(_ASKED, {"run_id": run_id})


def end(db: Connection) -> None:
    """Note that the rewrite has ended, and delete the notes taken for it."""
    db.execute(_DELETE)
    db.execute(_ENDED, {"problem": None})


def give_back(db: Connection) -> None:
    """Return the notes that were taken; the next rewrite takes them."""
    db.execute(_GIVE_BACK)


def fail(db: Connection) -> None:
    """Note that the rewrite has failed."""
    give_back(db)
    db.execute(_ENDED, {"problem": Problem.FAILED.value})


def refuse(db: Connection) -> None:
    """Note that Redis refuses to rewrite its file: delete the notes, and ask again in a day."""
    db.execute(_DELETE)
    db.execute(_REFUSED, {"problem": Problem.REFUSED.value})


def read(db: Connection) -> FileRewrite:
    """Return the state of the last rewrite."""
    row = db.execute(_READ).one()
    return FileRewrite(row.redis_run_id, row.asked_at, row.problem and Problem(row.problem), row.is_due)
