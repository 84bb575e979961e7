"""Consent decisions: written to the ledger, and applied to every provider's share."""

from schemas import jobs
from schemas.events import EventType
from schemas.jobs import ConsentChoice
from schemas.receipts import RefusalCode
from worker.db.jobs import consents
from worker.domain.consent import check_current, check_newer
from worker.domain.refusal import JobRefusedError
from worker.domain.sharing import Urgency
from worker.services.unit_of_work import UnitOfWork


def decide(job: jobs.DecideConsent, unit: UnitOfWork) -> None:
    """Record a decision and apply it to the shares of the named providers.

    A refusal always takes effect on receipt. An allowance does only if it names the current version, and is newer than
    the latest refusal of each provider that it names.
    """
    allow = job.choice is ConsentChoice.ALLOW
    if allow:
        _check_allowance(job, unit)
    decision = consents.append(
        unit.db,
        job.resident_id,
        version=unit.consent_version + 1,
        choice=job.choice,
        providers=job.providers,
        text_version=job.text.version,
        text_sha256=job.text.sha256,
        source=job.source,
        job_id=job.job_id,
        decided_at=job.decided_at,
    )
    unit.ledger.append(decision)
    unit.tell(EventType.CONSENT_ALLOWED if allow else EventType.CONSENT_REFUSED)
    unit.want(unit.permits, Urgency.CONSENT, decision.providers)


def _check_allowance(job: jobs.DecideConsent, unit: UnitOfWork) -> None:
    for position, provider in enumerate(job.providers):
        if provider not in unit.hub.capabilities or provider in unit.hub.public_task:
            raise JobRefusedError(RefusalCode.UNKNOWN_PROVIDER, f"providers.{position}")
    check_current(job.consent_version, unit.consent_version)
    refused_at = consents.latest_refusal(unit.db, job.resident_id, job.providers)
    check_newer(job.decided_at, refused_at, unit.resident.locked_at)
