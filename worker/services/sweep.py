"""What makes a lost wake-up, a lost publication or a lost Redis cost seconds: all of it is found in the database."""

from datetime import date
from functools import partial

from worker.db import residents, shares
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.lane import tell_providers
from worker.services.publish import SLICE, follow_redis, republish

SLICES = 4  # a sweep is one short task; the next one goes on


def sweep(hub: Hub, today: date) -> None:
    """Follow Redis into a new epoch, publish what was not, and wake the drains that have something due."""
    follow_redis(hub)
    _publish_left_over(hub, today)
    tell_providers(hub)
    hub.kick(transact(hub.engine, lambda db: shares.due_providers(db, hub.capabilities)))


def _publish_left_over(hub: Hub, today: date) -> None:
    for _ in range(SLICES):
        unpublished = transact(hub.engine, lambda db: residents.unpublished(db, SLICE))
        if unpublished:
            told = hub.live.told_versions(list(unpublished))
            left = [name for name, version in unpublished.items() if told.get(name, 0) < version]
            told |= republish(hub, left, today)
            transact(hub.engine, partial(residents.mark_published, versions=told), relaxed=True)
        if len(unpublished) < SLICE:
            return
