"""Jobs about the resident: contact, reminders, export and erasure."""

from sqlalchemy import Connection

from schemas import jobs
from schemas.events import EventType
from schemas.jobs import ConsentChoice, ReminderChannel
from worker.db import reminders
from worker.db.clock import leftovers
from worker.db.engine import transact
from worker.db.jobs import exports, permits, plates, residents
from worker.db.trip import run
from worker.domain import life
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.jobs import consent
from worker.services.unit_of_work import UnitOfWork


def update_contact(job: jobs.UpdateContact, unit: UnitOfWork) -> None:
    """Set the resident's name, e-mail address and language."""
    contact = {"name": job.name, "email": job.email, "language": job.language.value}
    unit.write(residents.update_contact(job.resident_id, **contact).then(unit.remind_by))
    unit.write(reminders.try_again(job.resident_id))
    unit.tell(EventType.CONTACT_UPDATED)


def choose_reminders(job: jobs.ChooseReminders, unit: UnitOfWork) -> None:
    """Set the channel for the resident's reminders."""
    unit.write(residents.choose_reminders(job.resident_id, job.channel).then(unit.remind_by))
    if job.channel is not ReminderChannel.NONE:
        unit.write(reminders.try_again(job.resident_id))
    unit.tell(EventType.REMINDERS_CHOSEN)


def stop_reminders(_job: jobs.StopReminders, unit: UnitOfWork) -> None:
    """Stop the resident's reminders, by the link in one of them."""
    unit.write(residents.choose_reminders(unit.resident.resident_id, ReminderChannel.NONE).then(unit.remind_by))
    unit.tell(EventType.REMINDERS_CHOSEN)


def export(_job: jobs.ExportResident, _unit: UnitOfWork) -> None:
    """Change nothing: `put_export` gathers the data once the job is recorded."""


def put_export(hub: Hub, job: jobs.ExportResident) -> None:
    """Put all data about a resident where upstream can fetch it for a short while."""

    def transaction(db: Connection) -> None:
        run(db, residents.lock([job.resident_id]))  # no erasure comes between reading and putting
        hub.live.documents.put_export(job.resident_id, job.job_id, exports.export(db, job.resident_id))

    transact(hub.engine, transaction)


def drop_documents(hub: Hub, job: jobs.EraseResident) -> None:
    """Drop documents about a resident that were made before the erasure."""
    hub.live.documents.drop(job.resident_id)


def erase(job: jobs.EraseResident, unit: UnitOfWork) -> None:
    """Erase a resident: the ledgers keep their opaque id, and providers are told to remove what they hold.

    An erasure refuses consent to all providers, so that nothing is sent on an old allowance later.
    """
    providers = {*unit.hub.capabilities, *(name for decision in unit.ledger for name in decision.providers)}
    providers -= unit.hub.public_task
    consent.record(job, unit, ConsentChoice.REFUSE, providers, job.submitted_at)
    ended = [life.end(permit).permit for permit in unit.permits.values() if permit.is_open]
    unit.write(permits.update(ended, unit.today))
    unit.permits.update({permit.permit_id: permit for permit in ended})
    unit.want(unit.permits, Urgency.CONSENT, {key.provider for key in unit.shares})
    unit.write(
        plates.delete(unit.permits),
        permits.erase(job.resident_id),
        residents.erase(job.resident_id).then(unit.remind_by),
        leftovers.note(job.resident_id),
    )
    unit.tell(EventType.RESIDENT_ERASED, unit.permits)
    unit.permits.clear()  # the screen shows none from now on
