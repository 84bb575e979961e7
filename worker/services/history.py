"""What a web app shows beyond the personal space, made when it is asked for: a resident's history, the catalogue."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Connection

from schemas.catalogue import Catalogue
from schemas.history import History
from worker.db import history as rows
from worker.db import permits, residents
from worker.db.engine import snapshot, transact
from worker.domain.history import make_history
from worker.domain.space import on_screen
from worker.hub import Hub


def put_history(hub: Hub, resident_id: str, task_id: UUID, today: date) -> int | None:
    """Put a resident's history where whoever asked by this task can fetch it for a short while.

    Returns the version that it shows; None for a resident who is not known.
    """

    def work(db: Connection) -> History | None:
        snapshot(db)
        return _read(hub, db, resident_id, today)

    history = transact(hub.engine, work)
    if history is None:
        return None
    # An erasure may come between the reading and this, and does not look for it: no more than an export's job id do
    # others know the task's, so nobody but who asked can read it, and it is gone half a minute after a task that ends
    # within seconds.
    hub.live.put_history(task_id, history)
    return history.version


def put_catalogue(hub: Hub) -> None:
    """Put what permits cost and who may receive data where any web app can read it."""
    tariffs, public_task = hub.tariffs, hub.public_task
    catalogue = Catalogue(
        profiles={profile: dict(prices) for profile, prices in tariffs.profiles.items()},
        address_change_cents=tariffs.address_change_cents,
        renewal_opens_months=tariffs.renewal_opens_months,
        unpaid_lapses_after_days=tariffs.unpaid_lapses_after_days,
        consent_providers=tuple(name for name in hub.capabilities if name not in public_task),
        public_task_providers=tuple(name for name in hub.capabilities if name in public_task),
    )
    hub.live.put_catalogue(catalogue)


def _read(hub: Hub, db: Connection, resident_id: str, today: date) -> History | None:
    known = residents.read_many(db, [resident_id])
    if not known:
        return None
    (resident,) = known
    held = permits.of_residents(db, [resident_id])[resident_id]
    return make_history(
        resident_id=resident_id,
        version=resident.version,
        permits=on_screen(held, today),
        past=rows.read(db, resident_id),
        providers=list(hub.capabilities),
        public_task=hub.public_task,
        settle=timedelta(seconds=hub.settings.settle_seconds),
    )
