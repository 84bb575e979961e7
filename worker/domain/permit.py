"""A permit: what it is, where it stands, and what that allows. Days are civil days in the city's time zone."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from schemas.jobs import Verified
from worker.domain import terms as term_rules
from worker.domain.pending import Address, NewAddress, NewTerm, Pending
from worker.domain.plates import Plate
from worker.domain.tariffs import Tariffs
from worker.domain.terms import Term

__all__ = ["Address", "NewAddress", "NewTerm", "Pending", "Permit", "Status", "Term", "address_change_cents"]


class Status(StrEnum):
    """Where a permit stands; validity is another matter: an active permit may be over."""

    SUBMITTED = "submitted"
    AWAITING_PAYMENT = "awaiting_payment"
    ACTIVE = "active"
    REJECTED = "rejected"
    CANCELLED_BY_RESIDENT = "cancelled_by_resident"
    CANCELLED_UNPAID = "cancelled_unpaid"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, repr=False)
class Permit:
    """One residential parking right, from request to end; `pending` is what waits for a decision or a payment.

    `verified` is what upstream had verified when it was requested; None for one of the city's former system.
    """

    permit_id: UUID
    resident_id: str
    status: Status
    requested_on: date
    profile: str
    plate: Plate
    address: Address
    zones: tuple[str, ...]
    terms: tuple[Term, ...] = ()
    pending: Pending | None = None
    reason: str | None = None
    verified: Verified | None = None

    def __repr__(self) -> str:
        return f"Permit(permit_id={self.permit_id}, status={self.status.value})"

    @property
    def last_day(self) -> date | None:
        """Return the last day of the last term."""
        return term_rules.last_day(self.terms)

    @property
    def is_open(self) -> bool:
        """Say whether anything can still become of it."""
        return self.status in (Status.SUBMITTED, Status.AWAITING_PAYMENT, Status.ACTIVE)

    @property
    def unpaid(self) -> Pending | None:
        """Return what a payment is expected for: the request, or a change of an active permit."""
        return self.pending if self.status in (Status.AWAITING_PAYMENT, Status.ACTIVE) else None

    def payable(self, today: date) -> Pending | None:
        """Return what can still be paid today: a payment after the last day to pay is late."""
        unpaid = self.unpaid
        return None if unpaid is None or (unpaid.pay_by is not None and unpaid.pay_by < today) else unpaid

    def is_late(self, today: date) -> bool:
        """Say whether what waits for a payment was not paid by its last day."""
        return self.unpaid is not None and self.payable(today) is None

    @property
    def can_cancel(self) -> bool:
        """Say whether there is something unpaid to cancel."""
        return self.status is Status.SUBMITTED or self.unpaid is not None

    @property
    def can_change(self) -> bool:
        """Say whether it is active with nothing else on the way."""
        return self.status is Status.ACTIVE and self.pending is None

    def renewal_open(self, today: date, tariffs: Tariffs) -> bool:
        """Say whether its last term is over, or so near its end that it can be renewed."""
        last_day = self.last_day
        return last_day is None or today >= term_rules.add_months(last_day, -tariffs.renewal_opens_months)


def address_change_cents(permit: Permit, today: date, tariffs: Tariffs) -> int:
    """Return what a change of address costs: nothing until renewal opens."""
    return tariffs.address_change_cents if permit.renewal_open(today, tariffs) else 0
