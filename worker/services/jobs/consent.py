"""Consent decisions: written to the ledger, and applied to every provider's share."""

from collections.abc import Collection
from datetime import datetime

from schemas import jobs
from schemas.events import EventType
from schemas.jobs import ConsentChoice
from schemas.receipts import RefusalCode
from worker.db.jobs import consents
from worker.db.trip import Trip
from worker.domain.consent import ConsentDecision, check_current, check_newer
from worker.domain.refusal import JobRefusedError
from worker.domain.sharing import Urgency
from worker.services.unit_of_work import UnitOfWork

ERASURE = "erasure"  # in place of a consent text


def decide(job: jobs.DecideConsent, unit: UnitOfWork) -> None:
    """Record a decision and apply it to the shares of the named providers.

    A refusal always takes effect on receipt. An allowance does only if it names the current version and a known text,
    and is newer than the latest refusal of each provider that it names.
    """
    allow = job.choice is ConsentChoice.ALLOW
    if allow:
        _check_allowance(job, unit)
    record(job, unit, job.choice, set(job.providers), job.decided_at, job.text)
    unit.tell(EventType.CONSENT_ALLOWED if allow else EventType.CONSENT_REFUSED)
    unit.want(unit.permits, Urgency.CONSENT, set(job.providers))


def record(
    job: jobs.ResidentJob,
    unit: UnitOfWork,
    choice: ConsentChoice,
    providers: Collection[str],
    decided_at: datetime,
    text: jobs.ConsentText | None = None,
) -> None:
    """Append a decision to the ledger; an erasure shows no text."""
    version = unit.consent_version + 1
    unit.write(
        consents.append(
            job.resident_id,
            version=version,
            choice=choice,
            providers=providers,
            text_version=text.version if text else ERASURE,
            text_sha256=text.sha256 if text else "",
            source=job.source,
            job_id=job.job_id,
            decided_at=decided_at,
        )
    )
    unit.ledger.append(ConsentDecision(version, choice, frozenset(providers), unit.resident.began_at))


def _check_allowance(job: jobs.DecideConsent, unit: UnitOfWork) -> None:
    for position, provider in enumerate(job.providers):
        if provider not in unit.hub.capabilities or provider in unit.hub.public_task:
            raise JobRefusedError(RefusalCode.UNKNOWN_PROVIDER, f"providers.{position}")
    check_current(job.consent_version, unit.consent_version)
    with Trip(unit.db) as trip:
        refused_at = trip.ask(consents.latest_refusal(job.resident_id, job.providers))
        is_known = trip.ask(consents.knows_allowance(job.text.sha256, job.text.version))
    check_newer(job.decided_at, refused_at.value, unit.resident.locked_at)
    if not is_known.value:
        raise JobRefusedError(RefusalCode.UNKNOWN_TEXT, "text")
