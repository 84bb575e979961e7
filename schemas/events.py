"""What happened, for whoever watches: CloudEvents 1.0 in shape, ids instead of data."""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from schemas.base import Message, Moment, ProviderName, ResidentId


class EventType(StrEnum):
    """Every kind of event the hub publishes."""

    PERMIT_REQUESTED = "permit.requested"
    PERMIT_APPROVED = "permit.approved"
    PERMIT_REJECTED = "permit.rejected"
    PERMIT_ACTIVATED = "permit.activated"
    PERMIT_RENEWAL_REQUESTED = "permit.renewal_requested"
    PERMIT_RENEWED = "permit.renewed"
    PERMIT_VEHICLE_CHANGED = "permit.vehicle_changed"
    PERMIT_ADDRESS_CHANGE_REQUESTED = "permit.address_change_requested"
    PERMIT_ADDRESS_CHANGED = "permit.address_changed"
    PERMIT_CANCELLED = "permit.cancelled"
    PERMIT_PENDING_CHANGE_CANCELLED = "permit.pending_change_cancelled"
    PERMIT_IMPORTED = "permit.imported"
    PERMIT_LAPSED = "permit.lapsed"
    PERMIT_ENDED = "permit.ended"
    PERMIT_ANONYMISED = "permit.anonymised"  # it was over for so long that nothing personal is kept of it
    CONSENT_ALLOWED = "consent.allowed"
    CONSENT_REFUSED = "consent.refused"
    CONTACT_UPDATED = "resident.contact_updated"  # told anew, or forgotten as nothing is left that needs it
    REMINDERS_CHOSEN = "resident.reminders_chosen"
    EMAIL_REFUSED = "resident.email_refused"
    RESIDENT_ERASED = "resident.erased"
    SHARES_CONFIRMED = "shares.confirmed"


class ShareConfirmation(Message):
    """A provider holds a permit's data, or nothing any more; told once nothing can undo it."""

    permit_id: UUID
    provider: str
    held: bool


class EventData(Message):
    """Which permits and shares an event is about, and which job led to it."""

    job_id: UUID | None = None
    permit_ids: tuple[UUID, ...] = ()
    shares: tuple[ShareConfirmation, ...] = ()


class Event(Message):
    """One event; `sequence` counts a resident's events without a gap and is the space version it led to."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Literal["permit-hub"] = "permit-hub"
    type: EventType
    subject: ResidentId
    time: Moment
    sequence: int
    datacontenttype: Literal["application/json"] = "application/json"
    data: EventData


class ProviderEventType(StrEnum):
    """Every kind of event about a provider as a whole."""

    BREAKER_OPENED = "provider.breaker_opened"
    BREAKER_CLOSED = "provider.breaker_closed"
    PAUSED = "provider.paused"
    RESUMED = "provider.resumed"
    UNCONFIGURED = "provider.unconfigured"
    CONFIGURED = "provider.configured"
    REAFFIRMED = "provider.reaffirmed"
    RECONCILED = "provider.reconciled"
    RECONCILIATION_FAILED = "provider.reconciliation_failed"  # it was given up; `status` has the code
    STORE_REPLACED = "provider.store_replaced"  # its copies lie in another place than before; a reconciliation follows


class ProviderEvent(Message):
    """One event about a provider; `sequence` counts a provider's events without a gap."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: Literal["permit-hub"] = "permit-hub"
    type: ProviderEventType
    subject: ProviderName
    time: Moment
    sequence: int
