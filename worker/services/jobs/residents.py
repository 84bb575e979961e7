"""Jobs about the resident: how they are reached, what is held about them, and forgetting them."""

from sqlalchemy import Connection

from schemas import jobs
from schemas.events import EventType
from schemas.jobs import ConsentChoice, ReminderChannel
from worker.db import reminders
from worker.db.clock import leftovers
from worker.db.engine import transact
from worker.db.jobs import consents, exports, permits, plates, residents
from worker.domain import life
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.unit_of_work import Work

_ERASURE = "erasure"  # in place of a consent text: nobody was shown one


def update_contact(job: jobs.UpdateContact, work: Work) -> None:
    """Set how the resident is addressed and reached."""
    contact = {"name": job.name, "email": job.email, "language": job.language.value}
    work.remind_by(residents.update_contact(work.db, job.resident_id, **contact))
    if work.resident.reminders.email_refused_at is None:
        reminders.try_again(work.db, job.resident_id)
    work.tell(EventType.CONTACT_UPDATED)


def choose_reminders(job: jobs.ChooseReminders, work: Work) -> None:
    """Set how the resident is reminded."""
    work.remind_by(residents.choose_reminders(work.db, job.resident_id, job.channel))
    if job.channel is not ReminderChannel.NONE:
        reminders.try_again(work.db, job.resident_id)
    work.tell(EventType.REMINDERS_CHOSEN)


def stop_reminders(_job: jobs.StopReminders, work: Work) -> None:
    """Send the resident no more reminders, as one of them asked."""
    work.remind_by(residents.choose_reminders(work.db, work.resident.resident_id, ReminderChannel.NONE))
    work.tell(EventType.REMINDERS_CHOSEN)


def export(_job: jobs.ExportResident, _work: Work) -> None:
    """Change nothing: what is held is gathered once the job is known to be this one."""


def put_export(hub: Hub, job: jobs.ExportResident) -> None:
    """Put everything that is held where upstream can fetch it for a short while."""

    def work(db: Connection) -> None:
        residents.lock(db, [job.resident_id])  # no erasure comes between what is read and what is put
        hub.live.put_export(job.resident_id, job.job_id, exports.export(db, job.resident_id))

    transact(hub.engine, work)


def forget_asked_for(hub: Hub, job: jobs.EraseResident) -> None:
    """Drop what was gathered about a resident before they were erased."""
    hub.live.forget_asked_for(job.resident_id)


def erase(job: jobs.EraseResident, work: Work) -> None:
    """Forget a resident: the ledgers keep their opaque id, and providers are told to remove what they hold.

    An erasure refuses consent to all, so that nothing later is sent on an old allowance.
    """
    providers = {*work.hub.capabilities, *(name for decision in work.ledger for name in decision.providers)}
    providers -= work.hub.public_task
    work.ledger.append(
        consents.append(
            work.db,
            job.resident_id,
            version=work.consent_version + 1,
            choice=ConsentChoice.REFUSE,
            providers=providers,
            text_version=_ERASURE,
            text_sha256="",
            source=job.source,
            job_id=job.job_id,
            decided_at=job.submitted_at,
        )
    )
    ended = [life.end(permit).permit for permit in work.permits.values() if permit.is_open]
    permits.update(work.db, ended, work.today)
    work.permits.update({permit.permit_id: permit for permit in ended})
    work.want(work.permits, Urgency.CONSENT, {key.provider for key in work.shares})
    plates.forget(work.db, work.permits)
    permits.erase(work.db, job.resident_id)
    work.remind_by(residents.erase(work.db, job.resident_id))
    leftovers.note(work.db, job.resident_id)
    work.tell(EventType.RESIDENT_ERASED, work.permits)
    work.permits.clear()  # what the screen shows from now on
