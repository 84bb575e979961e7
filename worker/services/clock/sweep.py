"""The sweep: it finds what was left over, and notices a Redis that lost data and a database that went back."""

from datetime import date
from functools import partial

from worker.db.engine import transact
from worker.db.jobs import residents
from worker.db.sharing import reconciliations, shares
from worker.hub import Hub
from worker.services import routine
from worker.services.jobs.journal import catch_up
from worker.services.publishing.publish import SLICE, follow_redis, republish
from worker.services.sharing.lane import publish_provider_events
from worker.services.sharing.release import let_go_all, release_all

SLICES = 4  # a sweep is one short task; the next continues


def sweep(hub: Hub, today: date) -> None:
    """Follow Redis into a new epoch, wake the lanes with due shares, publish what is unpublished, and release shares.

    The lanes stand aside by themselves: waking them need not wait.
    """
    follow_redis(hub)
    hub.wake(transact(hub.engine, lambda db: shares.due_providers(db, hub.capabilities)))
    _publish_left_over(hub, today)
    publish_provider_events(hub)
    release_all(hub)
    let_go_all(hub)
    catch_up(hub)


def waiting_reconciliations(hub: Hub) -> list[str]:
    """Return the providers of this installation whose reconciliation waits for a worker."""
    return [name for name in transact(hub.engine, reconciliations.waiting) if name in hub.capabilities]


def request_reconciliations(hub: Hub) -> None:
    """Request a reconciliation with every provider that can list, unless one is under way."""
    for name, capabilities in hub.capabilities.items():
        if capabilities.lists:
            transact(hub.engine, partial(reconciliations.request, provider=name, dry_run=False))


def _publish_left_over(hub: Hub, today: date) -> None:
    for _ in range(SLICES):
        unpublished = routine.transact(hub, lambda db: residents.unpublished(db, SLICE))
        if unpublished:
            published = hub.live.spaces.published_versions(list(unpublished))
            left = [name for name, version in unpublished.items() if published.get(name, 0) < version]
            published |= republish(hub, left, today)
            transact(hub.engine, partial(residents.mark_published, versions=published), relaxed=True)
        if len(unpublished) < SLICE:
            return
