"""The outlook: the work that coming days bring, read in a transaction that cannot write."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from sqlalchemy import Connection

from worker.db.clock import outlook
from worker.db.clock.outlook import OutlookQuery, PermitEffect
from worker.db.engine import transact
from worker.domain.outlook import Effect, Period, acted_on, opening, periods
from worker.domain.reminders import windows
from worker.hub import Hub


def read_outlook(hub: Hub, today: date, until: date) -> list[Period]:
    """Return the work of each day or week from today to a last day, and first what is overdue.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    reminded = windows(today, hub.schedule, hub.tariffs, until)
    query = OutlookQuery(today, date.min, until, reminded, hub.settings.permits_kept_months)

    def transaction(db: Connection) -> list[Period]:
        outlook.begin(db)
        days = ((acted_on(one, today, hub.schedule, hub.tariffs), one) for one in outlook.count(db, query))
        return periods(((day, one.effect, one.count) for day, one in days if day is not None), today, until)

    return transact(hub.engine, transaction)


def read_day(
    hub: Hub, day: date, today: date, tell: Callable[[Counter[Effect], Iterator[PermitEffect]], None], limit: int | None
) -> None:
    """Pass the work of one day to `tell`: counts per effect, then permits. Today includes what is overdue.

    Raises:
        worker.hub.UNAVAILABLE: the database is unavailable.
    """
    since = date.min if day <= today else day - timedelta(days=1)
    reminded = opening(day, today, hub.schedule, hub.tariffs)
    query = OutlookQuery(today, since, day, reminded, hub.settings.permits_kept_months)

    def transaction(db: Connection) -> None:
        outlook.begin(db)
        counts: Counter[Effect] = Counter()
        for one in outlook.count(db, query):
            counts[one.effect] += one.count
        tell(counts, outlook.each(db, query, limit))

    transact(hub.engine, transaction)
