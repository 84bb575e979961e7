"""The types of the hub's documents: JSON in dicts. Days and times are ISO 8601 strings, prices are euro cents."""

from typing import Literal, NotRequired, TypedDict

CardStatus = Literal[
    "submitted",
    "awaiting_payment",
    "active",
    "rejected",
    "cancelled_by_resident",
    "cancelled_unpaid",
    "ended",
]
ActionName = Literal["pay", "change_vehicle", "change_address", "renew", "cancel", "details"]
HeldState = Literal["nothing", "sending", "held", "removing", "removed", "refused"]
EventType = Literal[
    "permit.requested",
    "permit.approved",
    "permit.rejected",
    "permit.activated",
    "permit.renewal_requested",
    "permit.renewed",
    "permit.vehicle_changed",
    "permit.address_change_requested",
    "permit.address_changed",
    "permit.cancelled",
    "permit.pending_change_cancelled",
    "permit.imported",
    "permit.lapsed",
    "permit.ended",
    "permit.anonymised",
    "consent.allowed",
    "consent.refused",
    "resident.contact_updated",
    "resident.reminders_chosen",
    "resident.email_refused",
    "resident.erased",
    "shares.confirmed",
]


class Action(TypedDict):
    """A button of a card. Its price is 0 if it is free, None if it has no price."""

    name: ActionName
    price_cents: int | None


class Card(TypedDict):
    """One permit on the screen; the last day of its validity is included."""

    permit_id: str
    plate: str
    country: str
    status: CardStatus
    requested_on: str
    valid_from: str | None
    valid_until: str | None
    profile: str
    zones: list[str]
    address: str
    reason: str | None
    actions: list[Action]


class ProviderState(TypedDict):
    """What one provider holds of this resident, over all permits."""

    provider: str
    allowed: bool
    state: HeldState
    confirmed_at: str | None


class Consent(TypedDict):
    """The resident's choice; version 0 if there was none yet."""

    version: int
    updated_at: str | None
    providers: list[ProviderState]


class Reminders(TypedDict):
    """How the resident is reminded, whether their e-mail address is known, and since when it is refused."""

    channel: Literal["email", "none"]
    email_known: bool
    email_refused_at: str | None


class Space(TypedDict):
    """One resident's personal space; actions hold for the day `as_of`."""

    resident_id: str
    epoch: int
    version: int
    as_of: str
    cards: list[Card]
    consent: Consent
    reminders: Reminders
    public_task: list[ProviderState]


class PlateSince(TypedDict):
    """A plate of a permit, and since when."""

    plate: str
    country: str
    since: str


class ValidTerm(TypedDict):
    """A validity, both days included."""

    first_day: str
    last_day: str


class PendingChange(TypedDict):
    """A change that waits for a decision or a payment: a new term (`years`) or a new address (`address`).

    `permit.confirm_payment` names the debt by its `debt_id`.
    """

    kind: Literal["new_term", "new_address"]
    debt_id: str
    years: int | None
    address: str | None
    price_cents: int
    pay_by: str | None


class Payment(TypedDict):
    """A confirmed payment."""

    amount_cents: int
    paid_at: str


class Step(TypedDict):
    """One event about a permit."""

    type: EventType
    at: str


class PermitHistory(TypedDict):
    """One permit: its plates (the last one is today's), terms, payments and events, oldest first."""

    permit_id: str
    plates: list[PlateSince]
    terms: list[ValidTerm]
    pending: PendingChange | None
    payments: list[Payment]
    steps: list[Step]


class DecisionMade(TypedDict):
    """One line of the resident's consent ledger."""

    version: int
    choice: Literal["allow", "refuse"]
    providers: list[str]
    text_version: str
    source: str
    decided_at: str
    recorded_at: str


class Holding(TypedDict):
    """A period in which a provider held, or may have held, data about one permit under one plate.

    `consent_version` is the decision that allowed the last transmission; None for a public task.
    """

    permit_id: str
    plate: str | None
    since: str
    until: str | None
    consent_version: int | None


class Recipient(TypedDict):
    """The data that one provider received, oldest first."""

    provider: str
    public_task: bool
    holdings: list[Holding]


class History(TypedDict):
    """The history of one resident's permits and data, as of a version of their personal space."""

    resident_id: str
    version: int
    permits: list[PermitHistory]
    decisions: list[DecisionMade]
    recipients: list[Recipient]


class Catalogue(TypedDict):
    """The hub's tariffs and providers; `profiles` has a price for each number of years (a string in JSON)."""

    profiles: dict[str, dict[str, int]]
    address_change_cents: int
    renewal_opens_months: int
    unpaid_lapses_after_days: int
    consent_providers: list[str]
    public_task_providers: list[str]


class PlateRead(TypedDict):
    """A plate as the hub will show it; `unusual` if its form is odd for its country, or it may stand for two plates."""

    plate: str
    country: str
    unusual: bool


class ShareConfirmation(TypedDict):
    """A provider confirmed that it holds a permit's data (`held`), or nothing any more."""

    permit_id: str
    provider: str
    held: bool


class EventData(TypedDict):
    """The permits and shares of an event, and the job that led to it."""

    job_id: str | None
    permit_ids: list[str]
    shares: list[ShareConfirmation]


class Event(TypedDict):
    """One event about a resident, a CloudEvent; `sequence` is the version of the space that it led to.

    An event of type `RESUMED` has only `type` and `subject`.
    """

    type: EventType | Literal["watch.resumed"]
    subject: str
    specversion: NotRequired[str]
    id: NotRequired[str]
    source: NotRequired[str]
    time: NotRequired[str]
    sequence: NotRequired[int]
    datacontenttype: NotRequired[str]
    data: NotRequired[EventData]
