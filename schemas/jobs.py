"""The jobs that upstream may send: one model for each kind."""

from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import EmailStr, FailFast, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import (
    AgentId,
    Day,
    Line,
    Message,
    Moment,
    Paragraphs,
    Profile,
    ProviderName,
    ResidentId,
    Sha256,
    SourceName,
    Zone,
)
from schemas.verified import BanId, Plate, Verified

MAX_JOB_BYTES = 1_000_000  # an import of 1,000 full rows is about 600 kB
MAX_IMPORT_ROWS = 1_000
MAX_VERSION = 2**31 - 1  # the database's integer

# FailFast: a refusal names only the first fault, and a megabyte can hold 300,000.
Zones = Annotated[tuple[Zone, ...], FailFast(), Field(min_length=1, max_length=8)]
Years = Annotated[int, Field(ge=1, le=10, strict=True)]


class Queue(StrEnum):
    """The queues that take jobs, each with the reason to be one of its own."""

    CONSENT = "consent"  # never waits behind other jobs
    JOBS = "jobs"
    BULK = "bulk"  # long work


class Address(Message):
    """A main address: its identifier in the national address base, and its text."""

    ban_id: BanId
    label: Annotated[Line, StringConstraints(min_length=1, max_length=200)]


class ConsentText(Message):
    """The exact text that the resident saw: its version, and the SHA-256 of its UTF-8 bytes."""

    version: Annotated[Line, StringConstraints(min_length=1, max_length=40)]
    sha256: Sha256


class Job(Message):
    """The envelope of every job; `job_id` is the idempotency key."""

    schema_version: Annotated[int, Field(ge=1, le=1, strict=True)] = 1  # a Literal would accept true for 1
    job_id: UUID
    source: SourceName
    submitted_at: Moment


class ResidentJob(Job):
    """A job about one resident."""

    resident_id: ResidentId


class PermitJob(ResidentJob):
    """A job about one existing permit."""

    permit_id: UUID


class ClaimingJob(PermitJob):
    """A job that says what was verified of what it asks for; the rest goes under review.

    A job of version 1, or of none, named nothing that was verified: it counts as nothing verified (`jobs_v1.py`).
    """

    schema_version: Annotated[int, Field(ge=2, le=2, strict=True)]
    verified: Verified = Verified()


class RequestPermit(ClaimingJob):
    """Request a permit; upstream chooses its `permit_id`."""

    plate: Plate
    profile: Profile
    years: Years
    address: Address
    zones: Zones


class Decision(StrEnum):
    """A city agent's decision."""

    APPROVE = "approve"
    REJECT = "reject"


class DecidePermit(PermitJob):
    """Approve or reject a request, or a change of a permit, under review; a rejection has a reason.

    `decided_by` is the agent's id in the agents' tool. It is kept with the decision, and residents are not shown it.
    `debt_id` names what the agent looked at, as in the resident's history: the decision counts for no other change.
    """

    decision: Decision
    decided_by: AgentId
    reason: Annotated[Paragraphs, StringConstraints(min_length=1, max_length=500)] | None = None
    debt_id: UUID | None = None


class ConfirmPayment(PermitJob):
    """Confirm one payment, by its reference at the payment service; the amount is in cents of a euro.

    `debt_id` names the pending change that was paid, as in the resident's history: the payment counts for no other.
    Without it, the payment is for the permit's pending change.
    """

    payment_reference: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
    amount_cents: Annotated[int, Field(ge=0, le=10_000_000, strict=True)]
    debt_id: UUID | None = None


class RenewPermit(PermitJob):
    """Request a further term."""

    years: Years


class ChangeVehicle(ClaimingJob):
    """Move a permit to another vehicle."""

    plate: Plate


class ChangeAddress(ClaimingJob):
    """Move a permit to the resident's new main address."""

    address: Address
    zones: Zones


class CancelPermit(PermitJob):
    """Cancel a request, or the pending change of a permit, before it is paid."""


class ConsentChoice(StrEnum):
    """A resident's choice."""

    ALLOW = "allow"
    REFUSE = "refuse"


class DecideConsent(ResidentJob):
    """Allow or refuse the transmission of the resident's data to the named providers.

    An allowance names the consent version that the resident saw (0: none yet), and is refused as stale if there is a
    newer one. A refusal always takes effect on receipt.
    """

    choice: ConsentChoice
    providers: Annotated[tuple[ProviderName, ...], FailFast(), Field(min_length=1, max_length=32)]
    consent_version: Annotated[int, Field(ge=0, le=MAX_VERSION, strict=True)] | None = None
    text: ConsentText
    decided_at: Moment


class Language(StrEnum):
    """The languages of messages to residents."""

    FR = "fr"
    EN = "en"


class UpdateContact(ResidentJob):
    """Set the resident's name, e-mail address and language."""

    name: Annotated[Line, StringConstraints(min_length=1, max_length=200)]
    email: EmailStr
    language: Language = Language.FR


class ReminderChannel(StrEnum):
    """How residents can be reminded of what expires."""

    EMAIL = "email"  # a new channel is a file in `integrations/channels/`
    NONE = "none"


class ChooseReminders(ResidentJob):
    """Choose the channel for reminders; choosing e-mail also tries a refused address again."""

    channel: ReminderChannel


class StopReminders(Job):
    """Stop a resident's reminders, by the token in any of them; the hub knows whose it is."""

    token: UUID


class ExportResident(ResidentJob):
    """Make an export of all data held about a resident, for them to read."""


class EraseResident(ResidentJob):
    """Erase a resident: end the permits, remove the copies that providers hold, delete the personal data."""


class ImportedStatus(StrEnum):
    """The states in which an existing permit can be imported."""

    ACTIVE = "active"
    REJECTED = "rejected"
    CANCELLED_BY_RESIDENT = "cancelled_by_resident"
    CANCELLED_UNPAID = "cancelled_unpaid"
    ENDED = "ended"


class ImportedTerm(Message):
    """A validity, both days included."""

    first_day: Day
    last_day: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise PydanticCustomError("date_order", "the last day is before the first")
        return self


class ImportedPermit(Message):
    """One existing permit, as in the city's former system."""

    resident_id: ResidentId
    permit_id: UUID
    status: ImportedStatus
    requested_on: Day
    plate: Plate
    profile: Profile
    address: Address
    zones: Zones
    terms: Annotated[tuple[ImportedTerm, ...], FailFast(), Field(max_length=50)] = ()


class ImportPermits(Job):
    """Import existing permits; the receipt has a result for each row."""

    permits: Annotated[tuple[ImportedPermit, ...], FailFast(), Field(min_length=1, max_length=MAX_IMPORT_ROWS)]


KINDS: dict[str, type[Job]] = {
    "permit.request": RequestPermit,
    "permit.decide": DecidePermit,
    "permit.confirm_payment": ConfirmPayment,
    "permit.renew": RenewPermit,
    "permit.change_vehicle": ChangeVehicle,
    "permit.change_address": ChangeAddress,
    "permit.cancel": CancelPermit,
    "consent.decide": DecideConsent,
    "resident.update_contact": UpdateContact,
    "resident.choose_reminders": ChooseReminders,
    "reminders.stop": StopReminders,
    "resident.export": ExportResident,
    "resident.erase": EraseResident,
    "permit.import": ImportPermits,
}
"""Each kind of job by its public, stable task name."""

QUEUES: dict[str, Queue] = dict.fromkeys(KINDS, Queue.JOBS) | {
    "consent.decide": Queue.CONSENT,
    "resident.erase": Queue.CONSENT,
    "resident.export": Queue.BULK,
    "permit.import": Queue.BULK,
}

DOCUMENTS: dict[str, Queue] = {"space.publish": Queue.JOBS, "space.history": Queue.JOBS}
"""The documents about a resident that a web app may ask for, by the task that makes each."""

LARGEST_JOB: dict[str, int] = {Queue.CONSENT: 4_096, Queue.JOBS: 12_288, Queue.BULK: MAX_JOB_BYTES}
"""The most bytes that a job on a queue may have: every field at its longest, and some white space."""
