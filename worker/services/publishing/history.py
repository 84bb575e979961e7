"""Documents beyond the personal space, made on request: a resident's history, the catalogue."""

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import Connection

from schemas.catalogue import Catalogue
from schemas.history import History
from worker.db.engine import snapshot, transact
from worker.db.jobs import permits, residents
from worker.db.jobs.residents import Published
from worker.db.publishing import history as rows
from worker.db.sharing import shares
from worker.db.trip import Trip, run
from worker.domain.history import make_history
from worker.domain.space import on_screen
from worker.hub import Hub


def put_history(hub: Hub, resident_id: str, task_id: UUID, today: date) -> int | None:
    """Put a resident's history where the sender of this task can fetch it for a short while.

    Returns the version that it shows; None for an unknown resident.
    """

    def transaction(db: Connection) -> tuple[bool, History] | None:
        snapshot(db)
        known = run(db, residents.read_many([resident_id]))
        return (known[0].erased, _history(hub, db, known[0], today)) if known else None

    read = transact(hub.engine, transaction)
    if read is None:
        return None
    erased, history = read
    hub.live.documents.put_history(task_id, history)
    # An erasure that was committed after the reading may have dropped its documents before this one was put.
    if not erased and transact(hub.engine, lambda db: run(db, residents.read_many([resident_id])))[0].erased:
        hub.live.documents.drop(resident_id)
        return put_history(hub, resident_id, task_id, today)
    return history.version


def put_catalogue(hub: Hub) -> None:
    """Put prices and providers where any web app can read them."""
    tariffs, public_task = hub.tariffs, hub.public_task
    catalogue = Catalogue(
        profiles={profile: dict(offer.price_cents) for profile, offer in tariffs.profiles.items()},
        address_change_cents=tariffs.address_change_cents,
        renewal_opens_months=tariffs.renewal_opens_months,
        unpaid_lapses_after_days=tariffs.unpaid_lapses_after_days,
        consent_providers=tuple(name for name in hub.capabilities if name not in public_task),
        public_task_providers=tuple(name for name in hub.capabilities if name in public_task),
    )
    hub.live.documents.put_catalogue(catalogue)


def _history(hub: Hub, db: Connection, resident: Published, today: date) -> History:
    resident_id = resident.resident_id
    with Trip(db) as trip:
        held = trip.ask(permits.of_residents([resident_id]))
        stored = trip.ask(shares.of_residents([resident_id]))
    return make_history(
        resident_id=resident_id,
        version=resident.version,
        permits=on_screen(held.value[resident_id], today),
        past=rows.read(db, resident_id),
        providers=list(hub.capabilities),
        public_task=hub.public_task,
        holds={(share.key.provider, share.key.permit_id): share.share.holds for share in stored.value[resident_id]},
        settle=timedelta(seconds=hub.settings.settle_seconds),
    )
