"""What time does to permits: terms end, and unpaid requests and changes lapse.

Due permits are found in the database, so a clock that stood still for days only costs a delay. Residents go a few at a
time, so a withdrawal never waits for a night in which many terms end.
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
from worker.db.trip import run
from worker.domain import life
from worker.domain.lapse import is_interrupted, is_lapsed
from worker.domain.sharing import Urgency
from worker.hub import TASK_ENDING, Hub
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork, finish_together

SLICE = 100  # residents found at once
TOGETHER = 10  # in one transaction: they share most of its cost, but a job on one of them waits for all

log = structlog.get_logger()


def advance(hub: Hub, today: date, until: float = math.inf, pause: Callable[[float], None] = lambda _: None) -> int:
    """Act on what is due today, earliest day first, until `until` (monotonic clock); return for how many residents.

    After each transaction it pauses for as long as that took: half of the machine stays free for urgent jobs.

    Raises:
        worker.hub.UNAVAILABLE: the database or Redis is unavailable.
    """
    done, failed = 0, set[str]()
    while due := [found for found in _find(hub, today, SLICE + len(failed)) if found not in failed]:
        for first in range(0, len(due), TOGETHER):
            if (began := monotonic()) >= until:
                return done
            hub.right_of_way.stand_aside()
            together = due[first : first + TOGETHER]
            failed_now = _advance(hub, together, today)
            done += len(together) - len(failed_now)
            failed |= failed_now
            pause(max(0.0, min(monotonic() - began, until - monotonic())))
    return done


def _find(hub: Hub, today: date, most: int) -> list[str]:
    return transact(hub.engine, lambda db: ended.due_residents(db, today, most))


def _advance(hub: Hub, resident_ids: Collection[str], today: date) -> set[str]:
    """Act on what is due of some residents; return those it could not act on, so that the others still move on."""
    try:
        acted_on, publications, to_wake = transact(hub.engine, partial(_act, hub, resident_ids, today))
    except TASK_ENDING:
        raise
    except Exception as error:
        if len(resident_ids) > 1:
            return {failed for alone in resident_ids for failed in _advance(hub, [alone], today)}
        log.error("calendar.failed", resident=next(iter(resident_ids)), error=type(error).__name__)
        return set(resident_ids)
    if publications:
        publish(hub, publications, today)
        hub.wake(to_wake)
    return set(resident_ids) - acted_on


def _act(
    hub: Hub, resident_ids: Collection[str], today: date, db: Connection
) -> tuple[set[str], list[Publication], set[str]]:
    """Act on due residents whose row is not locked; return them, their publications and the lanes to wake."""
    locked = run(db, residents.lock_free(resident_ids))
    started = UnitOfWork.start_together(hub, db, locked.values(), today, Urgency.ROUTINE)
    for unit in started:
        for permit in [permit for permit in unit.permits.values() if permit.is_late(today)]:
            unit.change(life.expire_unpaid(permit, today))
    over_now = ended.mark_applied(db, locked, today)
    for unit in started:
        ended_now = [permit for permit_id, permit in unit.permits.items() if permit_id in over_now]
        over = [permit for permit in ended_now if is_interrupted(permit, today)]
        unit.want([permit.permit_id for permit in over], Urgency.ROUTINE)  # after downtime the next term may have begun
        lapsed = [permit.permit_id for permit in over if is_lapsed(permit, today)]
        if lapsed:
            unit.tell(EventType.PERMIT_LAPSED, lapsed)
    changed = [unit for unit in started if unit.has_events or unit.to_wake]
    return set(locked), finish_together(db, changed), {name for unit in changed for name in unit.to_wake}
