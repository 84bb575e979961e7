"""Foretell what the clock will do, in a read-only transaction."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from sqlalchemy import Connection

from worker.db.clock import outlook
from worker.db.clock.outlook import Concerned, Looked
from worker.db.engine import transact
from worker.domain.outlook import Period, What, acted_on, opening, periods
from worker.domain.reminders import windows
from worker.hub import Hub


def foretell(hub: Hub, today: date, until: date) -> list[Period]:
    """Return the actions from today to `until`, by period, and those that are overdue.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    reminded = windows(today, hub.schedule, hub.tariffs, until)
    scope = Looked(today, date.min, until, reminded, hub.settings.permits_kept_months)

    def transaction(db: Connection) -> list[Period]:
        outlook.begin(db)
        days = (
            (acted_on(foretold, today, hub.schedule, hub.tariffs), foretold) for foretold in outlook.count(db, scope)
        )
        return periods(
            ((day, foretold.what, foretold.count) for day, foretold in days if day is not None), today, until
        )

    return transact(hub.engine, transaction)


def foretell_day(
    hub: Hub, day: date, today: date, tell: Callable[[Counter[What], Iterator[Concerned]], None], limit: int | None
) -> None:
    """Pass to `tell` the actions of one day (today: with overdue ones): counts per action, then permits.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    since = date.min if day <= today else day - timedelta(days=1)
    reminded = opening(day, today, hub.schedule, hub.tariffs)
    scope = Looked(today, since, day, reminded, hub.settings.permits_kept_months)

    def transaction(db: Connection) -> None:
        outlook.begin(db)
        counts: Counter[What] = Counter()
        for foretold in outlook.count(db, scope):
            counts[foretold.what] += foretold.count
        tell(counts, outlook.each(db, scope, limit))

    transact(hub.engine, transaction)
