"""The personal space: the content of the resident's own screen, and nothing else."""

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
    """A button of a card; its price in cents of a euro, 0 if it is free, None if no price is named."""

    name: ActionName
    price_cents: int | None = None


class Card(Message):
    """One permit on the screen; days are civil days in the city's time zone, the last one included.

    `valid_from` to `valid_until` is today's term, else the next, joined with those that follow without a gap; if all
    are over, the last term.
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
    """The resident's choice (« dernière mise à jour le » is `updated_at`); version 0 means that there is none yet.

    `providers` are those that need consent.
    """

    version: int
    updated_at: Moment | None
    providers: tuple[ProviderState, ...]


class Reminders(Message):
    """The resident's channel for reminders, and whether their e-mail address is known.

    `email_refused_at` is when that address was refused; None if it is not refused, or unknown.
    """

    channel: ReminderChannel = ReminderChannel.EMAIL
    email_known: bool = False
    email_refused_at: Moment | None = None


class Space(Message):
    """One resident's personal space; a higher epoch is newer, then a higher version."""

    resident_id: ResidentId
    epoch: int
    version: int
    as_of: date  # the civil day for which the actions are valid
    cards: tuple[Card, ...]
    consent: Consent
    reminders: Reminders
    public_task: tuple[ProviderState, ...]  # the city's own meters and enforcement, which need no consent
