"""A resident's history: their permits, payments, decisions, and who held their data."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from schemas.base import Message, Moment, ResidentId
from schemas.events import EventType
from schemas.jobs import ConsentChoice


class PlateSince(Message):
    """A plate of a permit, and since when it has had it."""

    plate: str
    country: str
    since: Moment


class ValidTerm(Message):
    """A validity, both days included."""

    first_day: date
    last_day: date


class PendingKind(StrEnum):
    """The changes that can wait for a decision or a payment."""

    NEW_TERM = "new_term"
    NEW_ADDRESS = "new_address"


class PendingChange(Message):
    """A pending change: `years` of a new term, or the new `address`; no `pay_by` while it is under review.

    `debt_id` names the debt. A payment's reference has to be made from it, as the same price and day may come again.
    """

    kind: PendingKind
    debt_id: UUID
    years: int | None
    address: str | None
    price_cents: int
    pay_by: date | None


class Payment(Message):
    """A confirmed payment, in cents of a euro."""

    amount_cents: int
    paid_at: Moment


class Step(Message):
    """One event about a permit."""

    type: EventType
    at: Moment


class PermitHistory(Message):
    """One permit: plates (the last is today's), terms, payments and events, oldest first."""

    permit_id: UUID
    plates: tuple[PlateSince, ...]
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
    """A stretch in which a provider held, or may have held, a permit's data under one plate.

    `until` is when its end was confirmed; `consent_version` is the decision that allowed the last request, None for a
    public task.
    """

    permit_id: UUID
    plate: str | None
    since: Moment
    until: Moment | None
    consent_version: int | None


class Recipient(Message):
    """The holdings of one provider, oldest first; a public task needs no consent."""

    provider: str
    public_task: bool
    holdings: tuple[Holding, ...]


class History(Message):
    """The history of one resident's permits and data, as of a version of their personal space.

    Permits are in the order of the space's cards.
    """

    resident_id: ResidentId
    version: int
    permits: tuple[PermitHistory, ...]
    decisions: tuple[DecisionMade, ...]
    recipients: tuple[Recipient, ...]
