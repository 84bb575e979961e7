"""What time does to permits: terms end, and what was not paid in time is given up.

It is found in the database, whenever somebody looks, so that a clock that stood still for days costs a delay and
nothing else. A few residents at a time, so that a withdrawal never waits for a night in which many terms end.
"""

import math
from collections.abc import Callable, Collection
from datetime import date
from functools import partial
from time import monotonic

import structlog
from sqlalchemy import Connection

from schemas.events import EventType
from worker.db.clock import ended
from worker.db.engine import transact
from worker.db.jobs import residents
from worker.domain import life
from worker.domain.lapse import is_interrupted, is_lapsed
from worker.domain.sharing import Urgency
from worker.hub import ENDED, Hub
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork

SLICE = 100  # residents found at once
TOGETHER = 10  # in one transaction: most of its cost is shared, and whoever waits for one of them waits for all

log = structlog.get_logger()


def advance(hub: Hub, today: date, until: float = math.inf, pause: Callable[[float], None] = lambda _: None) -> int:
    """Act on what is due by today, the earliest day first, until a moment of the monotonic clock; return for how many.

    After each transaction it pauses for as many seconds as that took: half of the machine is for what is urgent.

    Raises:
        worker.hub.UNAVAILABLE: the database or Redis is unavailable.
    """
    done, left = 0, set[str]()
    while due := [one for one in _find(hub, today, SLICE + len(left)) if one not in left]:
        for first in range(0, len(due), TOGETHER):
            if (began := monotonic()) >= until:
                return done
            together = due[first : first + TOGETHER]
            left_of_them = _advance(hub, together, today)
            done += len(together) - len(left_of_them)
            left |= left_of_them
            pause(max(0.0, min(monotonic() - began, until - monotonic())))
    return done


def _find(hub: Hub, today: date, most: int) -> list[str]:
    return transact(hub.engine, lambda db: ended.due_residents(db, today, most))


def _advance(hub: Hub, resident_ids: Collection[str], today: date) -> set[str]:
    """Act on some residents' affairs; return whose are left: they must not keep all others' from moving on."""
    try:
        acted_on, publications, to_wake = transact(hub.engine, partial(_act, hub, resident_ids, today))
    except ENDED:
        raise
    except Exception as error:
        if len(resident_ids) > 1:
            return {left for alone in resident_ids for left in _advance(hub, [alone], today)}
        log.error("calendar.failed", resident=next(iter(resident_ids)), error=type(error).__name__)
        return set(resident_ids)
    if publications:
        publish(hub, publications, today)
        hub.wake(to_wake)
    return set(resident_ids) - acted_on


def _act(
    hub: Hub, resident_ids: Collection[str], today: date, db: Connection
) -> tuple[set[str], list[Publication], set[str]]:
    """Act on what is due of those whom nothing else is about; return them, what to publish and which lanes to wake."""
    locked = residents.lock_free(db, resident_ids)
    started = UnitOfWork.start_together(hub, db, locked.values(), today, Urgency.ROUTINE)
    for unit in started:
        for permit in [one for one in unit.permits.values() if one.is_late(today)]:
            unit.change(life.expire_unpaid(permit, today))
    over_now = ended.mark_applied(db, locked, today)
    for unit in started:
        over = [one for one in unit.permits.values() if one.permit_id in over_now and is_interrupted(one, today)]
        unit.want([one.permit_id for one in over], Urgency.ROUTINE)  # after a downtime its next term may run already
        lapsed = [one.permit_id for one in over if is_lapsed(one, today)]
        if lapsed:
            unit.tell(EventType.PERMIT_LAPSED, lapsed)
    changed = [unit for unit in started if unit.told or unit.to_wake]
    return set(locked), [unit.finish() for unit in changed], {name for unit in changed for name in unit.to_wake}
