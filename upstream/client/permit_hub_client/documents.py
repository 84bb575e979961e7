"""What the hub shows, as it comes: JSON in dicts. `make schemas` writes this file from the hub's schemas.

Days and moments are ISO 8601 strings, prices cents of a euro.
"""

from typing import Literal, TypeAlias, TypedDict

ActionName: TypeAlias = Literal["pay", "change_vehicle", "change_address", "renew", "cancel", "details"]
"""What a resident can do on a card."""


CardStatus: TypeAlias = Literal[
    "submitted", "awaiting_payment", "active", "rejected", "cancelled_by_resident", "cancelled_unpaid", "ended"
]
"""The state of a permit as the resident sees it."""


class Catalogue(TypedDict):
    """The tariffs and providers of this installation; prices are in cents of a euro."""

    profiles: dict[str, dict[str, int]]
    """The price of each profile for each number of years that it can be had for."""
    address_change_cents: int
    renewal_opens_months: int
    unpaid_lapses_after_days: int
    consent_providers: list[str]
    public_task_providers: list[str]


ConsentChoice: TypeAlias = Literal["allow", "refuse"]
"""A resident's choice."""


class DecisionMade(TypedDict):
    """One line of the resident's consent ledger."""

    version: int
    choice: ConsentChoice
    providers: list[str]
    text_version: str
    source: str
    decided_at: str
    recorded_at: str


EventType: TypeAlias = Literal[
    "permit.requested",
    "permit.approved",
    "permit.rejected",
    "permit.activated",
    "permit.renewal_requested",
    "permit.renewed",
    "permit.vehicle_change_requested",
    "permit.vehicle_changed",
    "permit.address_change_requested",
    "permit.address_changed",
    "permit.change_approved",
    "permit.change_rejected",
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
"""The events about a resident that the hub publishes."""


Fault: TypeAlias = Literal["unverified", "different", "outdated"]
"""Why something does not count as verified."""


HeldState: TypeAlias = Literal["nothing", "sending", "held", "removing", "removed", "refused"]
"""The state of a provider between what is wanted and what it confirmed."""


class Holding(TypedDict):
    """A time during which a provider held, or may have held, data about one permit under one plate."""

    permit_id: str
    plate: str | None
    since: str
    until: str | None
    """When its end was confirmed; null if it was not."""
    consent_version: int | None
    """The decision that allowed the last thing sent; null for a public task."""


class Payment(TypedDict):
    """A payment that was confirmed."""

    amount_cents: int
    """In cents of a euro."""
    paid_at: str


PendingKind: TypeAlias = Literal["new_term", "new_vehicle", "new_address"]
"""The changes that can wait for a decision or a payment."""


class PlateRead(TypedDict):
    """A plate as it will be known."""

    plate: str
    country: str
    unusual: bool
    """Whether it is odd for its country, or may be one of two: worth a second look, but not refused."""


class PlateSince(TypedDict):
    """A plate of a permit, and since when it has had it."""

    plate: str
    country: str
    since: str


class ProviderState(TypedDict):
    """What one provider holds about this resident, over all permits."""

    provider: str
    allowed: bool
    state: HeldState
    confirmed_at: str | None


class Recipient(TypedDict):
    """What one provider has received, oldest first."""

    provider: str
    public_task: bool
    """Whether it needs no consent."""
    holdings: list[Holding]


ReminderChannel: TypeAlias = Literal["email", "none"]
"""How residents can be reminded of what expires."""


class Reminders(TypedDict):
    """How the resident is reminded."""

    channel: ReminderChannel
    email_known: bool
    """Whether the hub has an e-mail address."""
    email_refused_at: str | None
    """Since when that address takes no mail; null if it may take mail, or if there is none."""


class ShareConfirmation(TypedDict):
    """A provider holds a permit's data, or holds none any more; published once nothing can undo it."""

    permit_id: str
    provider: str
    held: bool


class Step(TypedDict):
    """One event about a permit."""

    type: EventType
    at: str


class ValidTerm(TypedDict):
    """A validity, both days included."""

    first_day: str
    last_day: str


Verifiable: TypeAlias = Literal["residence", "vehicle", "vehicle_profile", "income"]
"""What a profile may require to be verified."""


class Action(TypedDict):
    """A button of a card."""

    name: ActionName
    price_cents: int | None
    """In cents of a euro: 0 if it is free, null if no price is named."""


class Consent(TypedDict):
    """The resident's choice."""

    version: int
    """0 if none was made yet."""
    updated_at: str | None
    """« Dernière mise à jour le » on the screen."""
    providers: list[ProviderState]
    """Those that the choice decides on."""


class Doubt(TypedDict):
    """What is under review, and why."""

    about: Verifiable
    fault: Fault


class EventData(TypedDict):
    """The permits and shares that an event is about, and the job that led to it."""

    job_id: str | None
    permit_ids: list[str]
    shares: list[ShareConfirmation]


class PendingChange(TypedDict):
    """What waits for a decision or a payment."""

    kind: PendingKind
    debt_id: str
    """What is to be paid: a payment's reference has to come from it, as a price and a day may come again."""
    years: int | None
    """Of a new term."""
    plate: str | None
    """Of a new vehicle."""
    address: str | None
    """The words of a new address."""
    price_cents: int
    """In cents of a euro."""
    pay_by: str | None
    """The last day to pay; null while the change is under review."""


class PermitHistory(TypedDict):
    """What happened to one permit, oldest first."""

    permit_id: str
    plates: list[PlateSince]
    """The last one is today's."""
    terms: list[ValidTerm]
    pending: PendingChange | None
    payments: list[Payment]
    steps: list[Step]


class Review(TypedDict):
    """A request, or a change of a permit, that the city is looking at; until then all stays as it is."""

    kind: PendingKind
    """A new term stands for the request of the permit."""
    since: str
    doubts: list[Doubt]
    plate: str | None
    """Of a new vehicle."""
    address: str | None
    """The words of a new address."""


class Card(TypedDict):
    """One permit on the screen; days are civil days in the city's time zone."""

    permit_id: str
    plate: str
    country: str
    status: CardStatus
    requested_on: str
    valid_from: str | None
    """First day of today's term, or else of the next one; when all are over, of the last one."""
    valid_until: str | None
    """Last day, included, of that term and of those that follow it without a gap."""
    profile: str
    zones: list[str]
    address: str
    reason: str | None
    """Why the request was rejected, or the last change of a permit that goes on."""
    review: Review | None
    """What is under review."""
    actions: list[Action]


class Event(TypedDict):
    """One event about a resident, in the shape of a CloudEvent."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["permit-hub"]
    type: EventType
    subject: str
    time: str
    sequence: int
    """Counts a resident's events without a gap: the version of the space that this event led to."""
    datacontenttype: Literal["application/json"]
    data: EventData


class History(TypedDict):
    """Everything that happened to one resident's permits and data."""

    resident_id: str
    version: int
    """The version of the personal space that it goes with."""
    permits: list[PermitHistory]
    """In the order of the space's cards."""
    decisions: list[DecisionMade]
    recipients: list[Recipient]


class Space(TypedDict):
    """One resident's personal space; a higher epoch is newer, then a higher version."""

    resident_id: str
    epoch: int
    version: int
    as_of: str
    """The civil day for which the actions hold."""
    cards: list[Card]
    consent: Consent
    reminders: Reminders
    public_task: list[ProviderState]
    """The city's own meters and enforcement, which need no consent."""
