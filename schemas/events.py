"""Events, for consumers and live pages: CloudEvents 1.0 in shape, with ids instead of data."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from schemas.base import Message, Moment, ProviderName, ResidentId


class EventType(StrEnum):
    """The events about a resident that the hub publishes."""

    PERMIT_REQUESTED = "permit.requested"
    PERMIT_APPROVED = "permit.approved"
    PERMIT_REJECTED = "permit.rejected"
    PERMIT_ACTIVATED = "permit.activated"
    PERMIT_RENEWAL_REQUESTED = "permit.renewal_requested"
    PERMIT_RENEWED = "permit.renewed"
    PERMIT_VEHICLE_CHANGE_REQUESTED = "permit.vehicle_change_requested"
    PERMIT_VEHICLE_CHANGED = "permit.vehicle_changed"
    PERMIT_ADDRESS_CHANGE_REQUESTED = "permit.address_change_requested"
    PERMIT_ADDRESS_CHANGED = "permit.address_changed"
    PERMIT_CHANGE_APPROVED = "permit.change_approved"  # it then waits for its payment
    PERMIT_CHANGE_REJECTED = "permit.change_rejected"
    PERMIT_CANCELLED = "permit.cancelled"
    PERMIT_PENDING_CHANGE_CANCELLED = "permit.pending_change_cancelled"
    PERMIT_IMPORTED = "permit.imported"
    PERMIT_LAPSED = "permit.lapsed"
    PERMIT_ENDED = "permit.ended"
    PERMIT_ANONYMISED = "permit.anonymised"  # retention is over: none of its personal data is kept
    CONSENT_ALLOWED = "consent.allowed"
    CONSENT_REFUSED = "consent.refused"
    CONTACT_UPDATED = "resident.contact_updated"  # set, or deleted as no remaining permit needs it
    REMINDERS_CHOSEN = "resident.reminders_chosen"
    EMAIL_REFUSED = "resident.email_refused"
    RESIDENT_ERASED = "resident.erased"
    SHARES_CONFIRMED = "shares.confirmed"


class ShareConfirmation(Message):
    """A provider holds a permit's data, or holds none any more; published once nothing can undo it."""

    permit_id: UUID
    provider: str
    held: bool


class EventData(Message):
    """The permits and shares that an event is about, and the job that led to it."""

    job_id: UUID | None = None
    permit_ids: tuple[UUID, ...] = ()
    shares: tuple[ShareConfirmation, ...] = ()


class Event(Message):
    """One event about a resident, in the shape of a CloudEvent."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Literal["permit-hub"] = "permit-hub"
    type: EventType
    subject: ResidentId
    time: Moment
    sequence: int
    """Counts a resident's events without a gap: the version of the space that this event led to."""
    datacontenttype: Literal["application/json"] = "application/json"
    data: EventData


class ProviderEventType(StrEnum):
    """The events about a provider as a whole."""

    BREAKER_OPENED = "provider.breaker_opened"
    BREAKER_CLOSED = "provider.breaker_closed"
    PAUSED = "provider.paused"
    RESUMED = "provider.resumed"
    UNCONFIGURED = "provider.unconfigured"
    CONFIGURED = "provider.configured"
    REAFFIRMED = "provider.reaffirmed"
    RECONCILED = "provider.reconciled"
    RECONCILIATION_FAILED = "provider.reconciliation_failed"  # it was given up; `status` has the code
    PUTS_WITHHELD = "provider.puts_withheld"  # the hub's database went back: none rests on its consents
    PUTS_RELEASED = "provider.puts_released"
    STORE_REPLACED = "provider.store_replaced"  # its copies are in another store than before; a reconciliation follows


class ProviderEvent(Message):
    """One event about a provider, in the shape of a CloudEvent."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Literal["permit-hub"] = "permit-hub"
    type: ProviderEventType
    subject: ProviderName
    time: Moment
    sequence: int
    """Counts a provider's events without a gap."""
