"""The way of a job: read it, apply it in one transaction, publish it, return its receipt. Bad input never raises."""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from schemas.jobs import ImportPermits, Job, ResidentJob, StopReminders
from schemas.receipts import Outcome, Receipt
from schemas.receipts import RefusalCode as Code
from schemas.validation import InvalidJobError, parse_job
from worker.db import reminders
from worker.db.engine import transact
from worker.db.jobs import jobs as job_rows
from worker.db.jobs import residents as resident_rows
from worker.db.jobs.jobs import UNKNOWN_DIGEST, KnownJob
from worker.db.trip import Statement, run
from worker.domain.refusal import JobRefusedError
from worker.hub import UNAVAILABLE, Hub
from worker.live.spaces import Publication
from worker.live.wake_ups import URGENT
from worker.services.jobs import consent, imports, journal, permits, residents
from worker.services.jobs.refusals import record_refusal, refuse_message, refuse_reused
from worker.services.publishing.publish import publish, republish
from worker.services.unit_of_work import UnitOfWork

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Handler:
    """How a kind of job about one resident is applied."""

    apply: Callable[[Any, UnitOfWork], None]
    creates_resident: bool = False
    concerns_erased: bool = False  # it is applied to an erased resident, too
    is_decision: bool = False  # on what is shared: routine work stands aside for it, and the journal has it
    afterwards: Callable[[Hub, Any], None] | None = None  # its work outside of the database, also for a repeated job


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "permit.request": Handler(permits.request, creates_resident=True),
        "permit.decide": Handler(permits.decide),
        "permit.confirm_payment": Handler(permits.confirm_payment),
        "permit.renew": Handler(permits.renew),
        "permit.change_vehicle": Handler(permits.change_vehicle),
        "permit.change_address": Handler(permits.change_address),
        "permit.cancel": Handler(permits.cancel),
        # Queues keep no order among each other: a decision may come before the request that creates the resident.
        "consent.decide": Handler(consent.decide, creates_resident=True, concerns_erased=True, is_decision=True),
        "resident.update_contact": Handler(residents.update_contact, creates_resident=True),
        "resident.choose_reminders": Handler(residents.choose_reminders, creates_resident=True),
        "reminders.stop": Handler(residents.stop_reminders),
        "resident.export": Handler(residents.export, concerns_erased=True, afterwards=residents.put_export),
        "resident.erase": Handler(
            residents.erase,
            creates_resident=True,  # it may overtake the request that does; then that is refused
            concerns_erased=True,
            is_decision=True,
            afterwards=residents.drop_documents,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a transaction, to be published after its commit."""

    receipt: Receipt
    publications: Sequence[Publication]
    to_wake: Set[str]


class HubUnavailableError(Exception):
    """The database or Redis is unavailable: the job can be sent again as it is. The message is the cause's class."""


class _TakenError(Exception):
    """The job's id is already in the database."""


def handle(hub: Hub, kind: str, raw: str, task_id: UUID, today: date, signature: str | None = None) -> Receipt:
    """Apply one job, or refuse it; return the receipt once the change is published.

    If the hub knows its sources, the signature has to prove that one of them sent the job and may do so.

    Raises:
        HubUnavailableError: the database or Redis is unavailable.
        NotJournaledError: it is a decision that was carried out, and is not in the journal.
    """
    try:
        return _handle(hub, kind, raw, task_id, today, signature)
    except UNAVAILABLE as error:
        raise HubUnavailableError(type(error).__name__) from None


def _handle(hub: Hub, kind: str, raw: str, task_id: UUID, today: date, signature: str | None) -> Receipt:
    try:
        job = _read(hub, kind, raw, task_id, signature)
    except JobRefusedError as refused:
        return _refuse_sender(hub, kind, raw, task_id, refused)
    except InvalidJobError as invalid:
        return _refuse_invalid(hub, kind, raw, task_id, invalid, today)
    receipt = apply(hub, kind, job, today)
    if receipt.outcome is Outcome.APPLIED and is_decision(kind):
        assert isinstance(job, ResidentJob)
        journal.keep(hub, kind, job)
    return receipt


def apply(hub: Hub, kind: str, job: Job, today: date) -> Receipt:
    """Apply a job that its sender may send, or refuse it; return the receipt once the change is published."""
    digests = _digests(hub, kind, job.model_dump_json(exclude={"submitted_at"}))  # a sender may rebuild the envelope
    resident_id = job.resident_id if isinstance(job, ResidentJob) else None
    try:
        applied = _apply_in_turn(hub, kind, job, digests[0], today)
    except JobRefusedError as refused:
        receipt = _refused(kind, job.job_id, refused.code, refused.field)
        known = record_refusal(hub, receipt, digests[0], job.source, resident_id)
        return receipt if known is None else _answer_again(hub, known, digests, job, today)
    except _TakenError:
        known = transact(hub.engine, lambda db: job_rows.find(db, job.job_id))
        assert known is not None  # its row made the insert fail
        return _answer_again(hub, known, digests, job, today)
    _do_afterwards(hub, kind, job)
    hub.wake(applied.to_wake & {URGENT})  # a withdrawal is on its way while this is published
    publish(hub, applied.publications, today)
    hub.wake(applied.to_wake - {URGENT})
    log.info("job.applied", kind=kind, job=str(job.job_id), version=applied.receipt.version)
    return applied.receipt


def _read(hub: Hub, kind: str, raw: str, task_id: UUID, signature: str | None) -> Job:
    """Read a job, once it is proved who sent it.

    Raises:
        JobRefusedError: it is not proved, or they may not send this job.
        InvalidJobError: it is no valid job; with its id only if that is proved to be the sender's.
    """
    if hub.sources is None:
        return parse_job(kind, raw)
    signer = hub.sources.signer(kind, task_id, raw, signature, datetime.now(UTC))
    try:
        job = parse_job(kind, raw)
    except InvalidJobError as invalid:
        raise InvalidJobError(invalid.code, invalid.field, task_id if invalid.job_id == task_id else None) from None
    signer.check(job, task_id)
    return job


def _apply_in_turn(hub: Hub, kind: str, job: Job, digest: bytes, today: date) -> Applied:
    """Apply a job in one transaction; routine work stands aside for a decision until it is sent."""
    if isinstance(job, ImportPermits):
        hub.right_of_way.stand_aside()
    taken = hub.right_of_way.take() if is_decision(kind) else None
    to_wake: Set[str] = frozenset()
    try:
        applied = transact(hub.engine, lambda db: _apply(hub, db, kind, job, digest, today))
        to_wake = applied.to_wake
        return applied
    finally:
        if taken is not None and URGENT in to_wake:
            hub.right_of_way.hand_over(taken)  # the drain that is woken next gives it up; else it expires
        elif taken is not None:  # nothing is to be sent
            hub.right_of_way.give_up([taken])


def _apply(hub: Hub, db: Connection, kind: str, job: Job, digest: bytes, today: date) -> Applied:
    resident_id = _resident_of(db, job)
    if resident_id is not None:
        return _apply_to_resident(hub, db, kind, job, digest, resident_id, today)
    assert isinstance(job, ImportPermits)
    imported = imports.apply(hub, db, job, today)
    receipt = Receipt(job_id=job.job_id, kind=kind, outcome=Outcome.APPLIED, rows=imported.rows)
    run(db, _recorded(receipt, job, digest, None))
    return Applied(receipt, imported.publications, imported.to_wake)


def _recorded(receipt: Receipt, job: Job, digest: bytes, resident_id: str | None) -> Statement[bool]:
    def check(is_free: object) -> None:
        if not is_free:
            raise _TakenError  # undoes all that was written, so a job that comes twice is applied once

    return job_rows.insert(receipt, digest=digest, source=job.source, resident_id=resident_id).then(check)


def _resident_of(db: Connection, job: Job) -> str | None:
    """Return the resident of a job; None for a job about many."""
    match job:
        case ResidentJob():
            return job.resident_id
        case StopReminders():
            resident_id = reminders.resident_of(db, job.token)
            if resident_id is None:
                raise JobRefusedError(Code.UNKNOWN_REMINDER, "token")
            return resident_id
        case _:
            return None


def _apply_to_resident(
    hub: Hub, db: Connection, kind: str, job: Job, digest: bytes, resident_id: str, today: date
) -> Applied:
    handler = HANDLERS[kind]
    unit = UnitOfWork.start(hub, db, resident_id, today)
    if unit is None and handler.creates_resident:
        run(db, resident_rows.create([resident_id]))
        unit = UnitOfWork.start(hub, db, resident_id, today)
    if unit is None:
        raise JobRefusedError(Code.UNKNOWN_RESIDENT, "resident_id")
    if unit.resident.erased and not handler.concerns_erased:
        raise JobRefusedError(Code.RESIDENT_ERASED, "resident_id")
    handler.apply(job, unit)
    receipt = Receipt(job_id=job.job_id, kind=kind, outcome=Outcome.APPLIED, version=unit.version)
    unit.write(_recorded(receipt, job, digest, resident_id))
    return Applied(receipt, [unit.finish(job.job_id)], unit.to_wake)


def is_decision(kind: str) -> bool:
    """Return whether a kind of job decides on what is shared."""
    return kind in HANDLERS and HANDLERS[kind].is_decision


def _do_afterwards(hub: Hub, kind: str, job: Job) -> None:
    """Do a job's work in Redis, once the database knows that this job has the id."""
    if kind in HANDLERS and (afterwards := HANDLERS[kind].afterwards) is not None:
        afterwards(hub, job)


def _answer_again(hub: Hub, known: KnownJob, digests: Collection[bytes], job: Job | None, today: date) -> Receipt:
    if known.digest not in (*digests, UNKNOWN_DIGEST):
        return refuse_reused(hub, known.receipt)
    if job is not None and known.receipt.outcome is Outcome.APPLIED:
        # The first run may have died between its commit and this.
        _do_afterwards(hub, known.receipt.kind, job)
        concerned = transact(hub.engine, lambda db: _resident_of(db, job))
        if concerned is not None:
            republish(hub, [concerned], today)
    log.info("job.repeated", kind=known.receipt.kind, job=str(known.receipt.job_id))
    return known.receipt


def _refuse_sender(hub: Hub, kind: str, raw: str, task_id: UUID, refused: JobRefusedError) -> Receipt:
    """Refuse a message whose sender is not proved, or may not send it; the receipt of another's job stands."""
    receipt = _refused(kind, task_id, refused.code, refused.field)
    refuse_message(hub, receipt, task_id=task_id, size=_size(raw))
    known = transact(hub.engine, lambda db: job_rows.find(db, task_id))
    return receipt if known is None else known.receipt


def _refuse_invalid(hub: Hub, kind: str, raw: str, task_id: UUID, invalid: InvalidJobError, today: date) -> Receipt:
    receipt = _refused(kind, invalid.job_id or task_id, invalid.code, invalid.field)
    if invalid.job_id is None:
        return refuse_message(hub, receipt, task_id=task_id, size=_size(raw))
    digests = _digests(hub, kind, raw)
    known = record_refusal(hub, receipt, digests[0], None, None)
    return receipt if known is None else _answer_again(hub, known, digests, None, today)


def _refused(kind: str, job_id: UUID, code: Code, field: str | None) -> Receipt:
    return Receipt(job_id=job_id, kind=kind, outcome=Outcome.REFUSED, code=code, field=field)


def _size(raw: str) -> int:
    return len(raw.encode(errors="surrogatepass"))


def _digests(hub: Hub, kind: str, payload: str) -> Sequence[bytes]:
    """Return the digest of a job by each known key, that by the current one first."""
    said = f"{kind} {payload}".encode(errors="surrogatepass")
    return hub.keys.each(lambda key: hmac.digest(key, said, hashlib.sha256))
