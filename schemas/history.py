"""A resident's history: their permits, payments, decisions, and who held their data."""

from datetime import date
from uuid import UUID

from schemas.base import Message, Moment, ResidentId
from schemas.events import EventType
from schemas.jobs import ConsentChoice
from schemas.space import PendingKind


class PlateSince(Message):
    """A plate of a permit, and since when it has had it."""

    plate: str
    country: str
    since: Moment


class ValidTerm(Message):
    """A validity, both days included."""

    first_day: date
    last_day: date


class PendingChange(Message):
    """What waits for a decision or a payment."""

    kind: PendingKind
    debt_id: UUID
    """What is to be paid: a payment's reference has to come from it, as a price and a day may come again."""
    years: int | None
    """Of a new term."""
    plate: str | None
    """Of a new vehicle."""
    address: str | None
    """The words of a new address."""
    price_cents: int
    """In cents of a euro."""
    pay_by: date | None
    """The last day to pay; null while the change is under review."""


class Payment(Message):
    """A payment that was confirmed."""

    amount_cents: int
    """In cents of a euro."""
    paid_at: Moment


class Step(Message):
    """One event about a permit."""

    type: EventType
    at: Moment


class PermitHistory(Message):
    """What happened to one permit, oldest first."""

    permit_id: UUID
    plates: tuple[PlateSince, ...]
    """The last one is today's."""
    terms: tuple[ValidTerm, ...]
    pending: PendingChange | None
    payments: tuple[Payment, ...]
    steps: tuple[Step, ...]


class DecisionMade(Message):
    """One line of the resident's consent ledger."""

    version: int
    choice: ConsentChoice
    providers: tuple[str, ...]
    text_version: str
    source: str
    decided_at: Moment
    recorded_at: Moment


class Holding(Message):
    """A time during which a provider held, or may have held, data about one permit under one plate."""

    permit_id: UUID
    plate: str | None
    since: Moment
    until: Moment | None
    """When its end was confirmed; null if it was not."""
    consent_version: int | None
    """The decision that allowed the last thing sent; null for a public task."""


class Recipient(Message):
    """What one provider has received, oldest first."""

    provider: str
    public_task: bool
    """Whether it needs no consent."""
    holdings: tuple[Holding, ...]


class History(Message):
    """Everything that happened to one resident's permits and data."""

    resident_id: ResidentId
    version: int
    """The version of the personal space that it goes with."""
    permits: tuple[PermitHistory, ...]
    """In the order of the space's cards."""
    decisions: tuple[DecisionMade, ...]
    recipients: tuple[Recipient, ...]
