"""The hub's part in tests of reminders: a reminder was sent, an address was refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Connection, text

from schemas.events import EventType
from tests.services.hubs import read_settings, running_hub
from tests.support.city import City, Resident
from worker.db.engine import transact
from worker.db.jobs import residents
from worker.db.trip import run
from worker.hub import Hub
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork

EMAIL = "essai.exemple@example.org"
_SENT = text("""
    INSERT INTO reminders (permit_id, occasion, day, days_ahead, state)
    VALUES (:permit_id, 'expiry', current_date + 7, 7, 'sent') RETURNING token
""")


def reminded(city: City, resident: Resident) -> UUID:
    """Have a reminder sent to a resident; return the token of its link."""
    with _hub(city) as hub:
        token = transact(hub.engine, lambda db: db.execute(_SENT, {"permit_id": resident.permit_id}).scalar_one())
    assert isinstance(token, UUID)
    return token


def reached_by_email(city: City, resident: Resident) -> None:
    """Send a resident's e-mail address to the hub."""
    city.applied("resident.update_contact", resident, name="Essai Exemple", email=EMAIL, language="fr")


def refuse_email(city: City, resident: Resident) -> None:
    """Have a resident's e-mail address refused by its mail server."""
    reached_by_email(city, resident)

    def transaction(db: Connection) -> Publication:
        affairs = UnitOfWork.start(hub, db, resident.resident_id, hub.today())
        refused = run(db, residents.refuse_email(resident.resident_id, EMAIL))
        assert affairs is not None
        assert refused is not None
        affairs.remind_by(refused)
        affairs.tell(EventType.EMAIL_REFUSED)
        return affairs.finish()

    with _hub(city) as hub:
        publish(hub, [transact(hub.engine, transaction)], hub.today())


def channel(city: City, resident: Resident) -> str:
    """Return the channel that a resident has chosen."""
    return city.space(resident.resident_id)["reminders"]["channel"]


@contextmanager
def _hub(city: City) -> Iterator[Hub]:
    with running_hub(read_settings(city.environment), lambda _provider: None) as hub:
        yield hub
