"""The personal space: the content of the resident's own screen, and nothing else."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from schemas.base import Message, Moment, ResidentId
from schemas.jobs import ReminderChannel
from schemas.verified import Doubt


class CardStatus(StrEnum):
    """The state of a permit as the resident sees it."""

    SUBMITTED = "submitted"
    AWAITING_PAYMENT = "awaiting_payment"
    ACTIVE = "active"
    REJECTED = "rejected"
    CANCELLED_BY_RESIDENT = "cancelled_by_resident"
    CANCELLED_UNPAID = "cancelled_unpaid"
    ENDED = "ended"


class ActionName(StrEnum):
    """What a resident can do on a card."""

    PAY = "pay"
    CHANGE_VEHICLE = "change_vehicle"
    CHANGE_ADDRESS = "change_address"
    RENEW = "renew"
    CANCEL = "cancel"
    DETAILS = "details"


class Action(Message):
    """A button of a card."""

    name: ActionName
    price_cents: int | None = None
    """In cents of a euro: 0 if it is free, null if no price is named."""


class PendingKind(StrEnum):
    """The changes that can wait for a decision or a payment."""

    NEW_TERM = "new_term"
    NEW_VEHICLE = "new_vehicle"
    NEW_ADDRESS = "new_address"


class Review(Message):
    """A request, or a change of a permit, that the city is looking at; until then all stays as it is."""

    kind: PendingKind
    """A new term stands for the request of the permit."""
    since: date
    doubts: tuple[Doubt, ...]
    plate: str | None
    """Of a new vehicle."""
    address: str | None
    """The words of a new address."""


class Card(Message):
    """One permit on the screen; days are civil days in the city's time zone."""

    permit_id: UUID
    plate: str
    country: str
    status: CardStatus
    requested_on: date
    valid_from: date | None
    """First day of today's term, or else of the next one; when all are over, of the last one."""
    valid_until: date | None
    """Last day, included, of that term and of those that follow it without a gap."""
    profile: str
    zones: tuple[str, ...]
    address: str
    reason: str | None
    """Why the request was rejected, or the last change of a permit that goes on."""
    review: Review | None
    """What is under review."""
    actions: tuple[Action, ...]


class HeldState(StrEnum):
    """The state of a provider between what is wanted and what it confirmed."""

    NOTHING = "nothing"  # no data was ever sent
    SENDING = "sending"
    HELD = "held"
    REMOVING = "removing"
    REMOVED = "removed"
    REFUSED = "refused"  # by the provider, for good: it holds nothing


class ProviderState(Message):
    """What one provider holds about this resident, over all permits."""

    provider: str
    allowed: bool
    state: HeldState
    confirmed_at: Moment | None


class Consent(Message):
    """The resident's choice."""

    version: int
    """0 if none was made yet."""
    updated_at: Moment | None
    """« Dernière mise à jour le » on the screen."""
    providers: tuple[ProviderState, ...]
    """Those that the choice decides on."""


class Reminders(Message):
    """How the resident is reminded."""

    channel: ReminderChannel = ReminderChannel.EMAIL
    email_known: bool = False
    """Whether the hub has an e-mail address."""
    email_refused_at: Moment | None = None
    """Since when that address takes no mail; null if it may take mail, or if there is none."""


class Space(Message):
    """One resident's personal space; a higher epoch is newer, then a higher version."""

    resident_id: ResidentId
    epoch: int
    version: int
    as_of: date
    """The civil day for which the actions hold."""
    cards: tuple[Card, ...]
    consent: Consent
    reminders: Reminders
    public_task: tuple[ProviderState, ...]
    """The city's own meters and enforcement, which need no consent."""
