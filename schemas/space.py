"""The personal space: what the resident's own screen shows, and nothing else."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from schemas.base import Message, Moment, ResidentId
from schemas.jobs import ReminderChannel


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
    """A button of a card; the price in cents of a euro, 0 when free, None when no price is named."""

    name: ActionName
    price_cents: int | None = None


class Card(Message):
    """One permit on the screen; days are civil days in the city's time zone, the last one included.

    `valid_from` to `valid_until` is today's term, else the next, with those that follow it without a gap; when all are
    over, the last.
    """

    permit_id: UUID
    plate: str
    country: str
    status: CardStatus
    requested_on: date
    valid_from: date | None
    valid_until: date | None
    profile: str
    zones: tuple[str, ...]
    address: str
    reason: str | None
    actions: tuple[Action, ...]


class HeldState(StrEnum):
    """Where a provider stands between what is wanted and what it confirmed."""

    NOTHING = "nothing"  # nothing was ever sent
    SENDING = "sending"
    HELD = "held"
    REMOVING = "removing"
    REMOVED = "removed"
    REFUSED = "refused"  # by the provider, for good: it holds nothing


class ProviderState(Message):
    """What one provider holds of this resident, over all permits."""

    provider: str
    allowed: bool
    state: HeldState
    confirmed_at: Moment | None


class Consent(Message):
    """The resident's choice (« dernière mise à jour le » is `updated_at`); version 0 means none was made yet.

    `providers` are those that it decides on.
    """

    version: int
    updated_at: Moment | None
    providers: tuple[ProviderState, ...]


class Reminders(Message):
    """How the resident is reminded, and whether their e-mail address is known.

    Since when that address is known to take nothing; None while it may, and where none is known.
    """

    channel: ReminderChannel = ReminderChannel.EMAIL
    email_known: bool = False
    email_refused_at: Moment | None = None


class Space(Message):
    """One resident's personal space; newer is a higher epoch, then a higher version."""

    resident_id: ResidentId
    epoch: int
    version: int
    as_of: date  # the civil day for which the actions hold
    cards: tuple[Card, ...]
    consent: Consent
    reminders: Reminders
    public_task: tuple[ProviderState, ...]  # the city's own meters and enforcement, whatever the consent
