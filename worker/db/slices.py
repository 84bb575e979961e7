"""Changes of many rows, in slices that a slow disk can finish: the time of one gives the size of the next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from worker.db.engine import sqlstate, transact

T = TypeVar("T")

FIRST = 100  # rows
AIM_SECONDS = 0.1  # for a slice: a decision may need its rows, or the processor
LONGEST = "1500ms"  # for one of its statements; a trial that was too large must leave time for smaller ones
GROWTH = 2.0  # from one slice to the next, at most
SHRINKS_TO = 1 / 16  # after one that was given up

_LIMIT_TIME = text(f"SET LOCAL statement_timeout = '{LONGEST}'")
_CANCELLED = "57014"


@dataclass(slots=True)
class Slices:
    """The slices of one kind of change; a process keeps their size from task to task.

    Each slice is a transaction of its own, so finished slices stay. `most` bounds its rows.
    """

    most: int
    size: int = field(default=FIRST)

    def take(self, engine: Engine, change: Callable[[Connection, int], T], before_each: Callable[[], None]) -> T:
        """Run `change` with a limit of rows, and again with fewer if it takes too long; first call `before_each`.

        Raises:
            sqlalchemy.exc.OperationalError: the database is unavailable, or a single row takes too long.
        """
        while True:
            before_each()
            size, started = min(self.size, self.most), monotonic()

            def once(db: Connection, size: int = size) -> T:
                db.execute(_LIMIT_TIME)
                return change(db, size)

            try:
                changed = transact(engine, once)
            except OperationalError as error:
                if sqlstate(error) != _CANCELLED or size == 1:
                    raise
                self.size = max(1, int(size * SHRINKS_TO))
                continue
            factor = min(AIM_SECONDS / max(monotonic() - started, AIM_SECONDS / GROWTH), GROWTH)
            self.size = max(1, int(size * factor))
            return changed
