"""A permit: its data, its status, and what that allows. Days are civil days in the city's time zone."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from schemas.verified import Verified
from worker.domain import terms as term_rules
from worker.domain.pending import Address, NewAddress, NewTerm, NewVehicle, Pending, Review
from worker.domain.plates import Plate
from worker.domain.tariffs import Tariffs
from worker.domain.terms import Term

__all__ = [
    "Address",
    "NewAddress",
    "NewTerm",
    "NewVehicle",
    "Pending",
    "Permit",
    "Review",
    "Status",
    "Term",
    "address_change_cents",
]


class Status(StrEnum):
    """Where a permit stands. Validity is separate: an active permit may be past its last term."""

    SUBMITTED = "submitted"
    AWAITING_PAYMENT = "awaiting_payment"
    ACTIVE = "active"
    REJECTED = "rejected"
    CANCELLED_BY_RESIDENT = "cancelled_by_resident"
    CANCELLED_UNPAID = "cancelled_unpaid"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, repr=False)
class Permit:
    """One residential parking right, from request to end; `pending` waits for a decision or a payment.

    `reason` says why the request was rejected, or the last change. `verified` is what upstream had verified of its
    plate, address and profile; None for a permit of the city's former system.
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
        """Return whether its status can still change."""
        return self.status in (Status.SUBMITTED, Status.AWAITING_PAYMENT, Status.ACTIVE)

    @property
    def review(self) -> Review | None:
        """Return what is in doubt about the request, or about a change of an active permit, that is under review."""
        return None if self.pending is None else self.pending.review

    @property
    def unpaid(self) -> Pending | None:
        """Return the change that a payment is expected for: the request, or a change of an active permit."""
        return self.pending if self.review is None else None

    def payable(self, today: date) -> Pending | None:
        """Return the change that can still be paid today, or None: after the last day to pay it is too late."""
        unpaid = self.unpaid
        return None if unpaid is None or (unpaid.pay_by is not None and unpaid.pay_by < today) else unpaid

    def is_late(self, today: date) -> bool:
        """Return whether the pending change was not paid by its last day."""
        return self.unpaid is not None and self.payable(today) is None

    @property
    def can_cancel(self) -> bool:
        """Return whether it has something to cancel that is under review or unpaid."""
        return self.is_open and self.pending is not None

    @property
    def can_change(self) -> bool:
        """Return whether it is active without a pending change."""
        return self.status is Status.ACTIVE and self.pending is None

    def counts_on(self, day: date) -> bool:
        """Return whether it counts among those that a resident may have at once: requested, in force, or to be."""
        return self.is_open and (self.pending is not None or self.last_day is None or self.last_day >= day)

    def renewal_open(self, today: date, tariffs: Tariffs) -> bool:
        """Return whether its last term is over, or near enough to its end to be renewed."""
        last_day = self.last_day
        return last_day is None or today >= term_rules.add_months(last_day, -tariffs.renewal_opens_months)


def address_change_cents(permit: Permit, today: date, tariffs: Tariffs) -> int:
    """Return what a change of address costs: nothing until renewal opens."""
    return tariffs.address_change_cents if permit.renewal_open(today, tariffs) else 0
