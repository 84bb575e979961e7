"""What time does to permits: terms end, and what was not paid in time is given up.

It is found in the database, whenever somebody looks, so that a clock that stood still for days costs a delay and
nothing else. One resident at a time, so that a withdrawal never waits for a night in which many terms end.
"""

from collections.abc import Iterable
from datetime import date
from functools import partial

import structlog
from sqlalchemy import Connection

from schemas.events import EventType
from worker.db import calendar, residents
from worker.db.engine import transact
from worker.domain import permit as rules
from worker.domain.calendar import is_interrupted, is_lapsed
from worker.domain.sharing import Urgency
from worker.hub import AWAY, Hub
from worker.live import Publication
from worker.services.publish import publish
from worker.services.work import Work

SLICE = 100  # residents

log = structlog.get_logger()


def advance(hub: Hub, today: date) -> int:
    """Act on what is due by today for some residents, the earliest day first; return for how many.

    Raises:
        worker.hub.AWAY: the database or Redis is out of reach.
    """
    due = transact(hub.engine, lambda db: calendar.due_residents(db, today, SLICE))
    return sum(_advance(hub, resident_id, today) for resident_id in due)


def _advance(hub: Hub, resident_id: str, today: date) -> bool:
    try:
        done = transact(hub.engine, partial(_act, hub, resident_id, today))
    except AWAY:
        raise
    except Exception as error:  # one resident's affairs must not keep all others' from moving on
        log.error("calendar.failed", resident=resident_id, error=type(error).__name__)
        return False
    if done is not None:
        publication, kicks = done
        publish(hub, [publication], today)
        hub.kick(kicks)
    return True


def _act(hub: Hub, resident_id: str, today: date, db: Connection) -> tuple[Publication, Iterable[str]] | None:
    locked = residents.lock(db, [resident_id])
    work = Work.start(hub, db, locked[resident_id], today, Urgency.ROUTINE)
    for permit in [one for one in work.permits.values() if one.is_late(today)]:
        work.change(rules.expire_unpaid(permit, today))
    ended = calendar.note_ended(db, resident_id, today)
    over = [one for one in work.permits.values() if one.permit_id in ended and is_interrupted(one, today)]
    work.want([one.permit_id for one in over], Urgency.ROUTINE)  # after days of downtime its next term may run already
    lapsed = [one.permit_id for one in over if is_lapsed(one, today)]
    if lapsed:
        work.tell(EventType.PERMIT_LAPSED, lapsed)
    return (work.finish(), work.kicks) if work.told or work.kicks else None
