"""A permit's life: the transitions from one state to the next, from its request to its end.

Every transition takes a permit and returns the changed permit with the event to publish. It raises JobRefusedError
when the state does not offer it. Days are civil days in the city's time zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import assert_never
from uuid import UUID

from schemas.events import EventType
from schemas.jobs import ImportedStatus
from schemas.receipts import RefusalCode
from schemas.verified import Doubt, Verified, VerifiedResidence, VerifiedVehicle
from worker.domain import addresses, claims
from worker.domain import terms as term_rules
from worker.domain.addresses import Difference
from worker.domain.pending import Address, NewAddress, NewTerm, NewVehicle, Pending, Review
from worker.domain.permit import Permit, Status, address_change_cents
from worker.domain.plate_looks import shown
from worker.domain.plates import Plate
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs
from worker.domain.terms import Term

_IMPORTABLE_YEARS = range(1900, 2201)  # beyond, adding terms overflows the calendar


@dataclass(frozen=True, slots=True)
class Transition:
    """The changed permit and its event (of the last step, when one job takes several)."""

    permit: Permit
    event: EventType


def request(
    *,
    permit_id: UUID,
    resident_id: str,
    plate: Plate,
    profile: str,
    years: int,
    address: Address,
    zones: Iterable[str],
    verified: Verified,
    today: date,
    tariffs: Tariffs,
) -> Transition:
    """Request a permit: approved at once if all that its profile requires is verified, else under review.

    Raises:
        JobRefusedError: UNKNOWN_TARIFF of `profile` or `years`, or of a claim (`claims`).
    """
    term = NewTerm(years, tariffs.price_cents(profile, years))
    doubts = claims.doubts_of_request(verified, plate, address.ban_id, profile, today, tariffs)
    permit = Permit(
        permit_id=permit_id,
        resident_id=resident_id,
        status=Status.SUBMITTED,
        requested_on=today,
        profile=profile,
        plate=plate,
        address=address,
        zones=_once_each(zones),
        pending=replace(term, review=Review(today, doubts)),
        verified=verified,
    )
    return Transition(permit, EventType.PERMIT_REQUESTED) if doubts else approve(permit, today, tariffs)


def check_room(others: Iterable[Permit], today: date, tariffs: Tariffs) -> None:
    """Check that a resident may have one more permit beside others.

    Raises:
        JobRefusedError: TOO_MANY_PERMITS.
    """
    most = tariffs.permits_at_once
    if most is not None and sum(permit.counts_on(today) for permit in others) >= most:
        raise JobRefusedError(RefusalCode.TOO_MANY_PERMITS)


def approve(permit: Permit, today: date, tariffs: Tariffs, debt_id: UUID | None = None) -> Transition:
    """Approve what is under review: it awaits payment, or takes effect at once when it costs nothing.

    Raises:
        JobRefusedError: ACTION_NOT_OFFERED if nothing is under review, or not what `debt_id` names.
    """
    pending = _under_review(permit, debt_id)
    if pending.price_cents == 0:
        return _apply(permit, pending, today)
    assert not isinstance(pending, NewVehicle)  # it costs nothing
    approved = replace(permit, pending=replace(pending, review=None, pay_by=_pay_by(today, tariffs)))
    if permit.status is Status.ACTIVE:
        return Transition(approved, EventType.PERMIT_CHANGE_APPROVED)
    return Transition(replace(approved, status=Status.AWAITING_PAYMENT), EventType.PERMIT_APPROVED)


def reject(permit: Permit, reason: str | None, debt_id: UUID | None = None) -> Transition:
    """Reject what is under review, with a reason; an active permit stays as it was.

    Raises:
        JobRefusedError: ACTION_NOT_OFFERED as `approve`; REASON_REQUIRED of `reason` when there is none.
    """
    _under_review(permit, debt_id)
    if reason is None or not reason.strip():
        raise JobRefusedError(RefusalCode.REASON_REQUIRED, "reason")
    rejected = replace(permit, pending=None, reason=reason.strip())
    if permit.status is Status.ACTIVE:
        return Transition(rejected, EventType.PERMIT_CHANGE_REJECTED)
    return Transition(replace(rejected, status=Status.REJECTED), EventType.PERMIT_REJECTED)


def confirm_payment(permit: Permit, amount_cents: int, today: date, debt_id: UUID | None = None) -> Transition:
    """Confirm a payment of the debt it names, or of the permit's only debt if it names none.

    Raises:
        JobRefusedError: NOT_AWAITING_PAYMENT, also after the last day to pay, and of `debt_id` once another debt has
            replaced it; WRONG_AMOUNT of `amount_cents`.
    """
    unpaid = permit.payable(today)
    if unpaid is None:
        raise JobRefusedError(RefusalCode.NOT_AWAITING_PAYMENT)
    if debt_id not in (None, unpaid.debt_id):
        raise JobRefusedError(RefusalCode.NOT_AWAITING_PAYMENT, "debt_id")
    if amount_cents != unpaid.price_cents:
        raise JobRefusedError(RefusalCode.WRONG_AMOUNT, "amount_cents")
    return _apply(permit, unpaid, today)


def renew(permit: Permit, years: int, today: date, tariffs: Tariffs) -> Transition:
    """Request a further term: added when it is paid, or at once when it costs nothing.

    Raises:
        JobRefusedError: ACTION_NOT_OFFERED, or UNKNOWN_TARIFF of `profile` or `years`.
    """
    if not (permit.can_change and permit.renewal_open(today, tariffs)):
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    pending = NewTerm(years, tariffs.price_cents(permit.profile, years), _pay_by(today, tariffs))
    return _apply_once_paid(permit, pending, today, EventType.PERMIT_RENEWAL_REQUESTED)


def change_vehicle(
    permit: Permit, plate: Plate, verified: VerifiedVehicle | None, today: date, tariffs: Tariffs
) -> Transition:
    """Move a permit to another vehicle: at once if it is verified, else under review.

    Raises:
        JobRefusedError: ACTION_NOT_OFFERED, or VEHICLE_UNCHANGED of `plate` if it would look the same on the screen,
            or of a claim (`claims`).
    """
    if not permit.can_change or permit.renewal_open(today, tariffs):
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    if (plate.country, shown(plate)) == (permit.plate.country, shown(permit.plate)):
        raise JobRefusedError(RefusalCode.VEHICLE_UNCHANGED, "plate")
    pending = NewVehicle(plate, verified)
    doubts = claims.doubts_of_vehicle(verified, plate, permit.profile, today, tariffs)
    return _begin(permit, pending, doubts, today, EventType.PERMIT_VEHICLE_CHANGE_REQUESTED)


def change_address(
    permit: Permit,
    address: Address,
    zones: Iterable[str],
    verified: VerifiedResidence | None,
    today: date,
    tariffs: Tariffs,
) -> Transition:
    """Move a permit to another address and its zones: under review unless verified, then when it is paid if not free.

    A change of details at the same place (other zones, a staircase, a new identifier) is free.

    Raises:
        JobRefusedError: ACTION_NOT_OFFERED, or ADDRESS_UNCHANGED of `address` (also for another spelling), or of a
            claim (`claims`).
    """
    if not permit.can_change:
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    zones = _once_each(zones)
    difference = addresses.difference((permit.address, permit.zones), (address, zones))
    if difference is Difference.NONE:
        raise JobRefusedError(RefusalCode.ADDRESS_UNCHANGED, "address")
    price = address_change_cents(permit, today, tariffs) if difference is Difference.PLACE else 0
    pending = NewAddress(address, zones, price, _pay_by(today, tariffs), verified)
    doubts = claims.doubts_of_residence(verified, address.ban_id, permit.profile, today, tariffs)
    return _begin(permit, pending, doubts, today, EventType.PERMIT_ADDRESS_CHANGE_REQUESTED)


def cancel(permit: Permit) -> Transition:
    """Cancel a request, or the change of an active permit, which stays as it was."""
    if not permit.can_cancel:
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    return _drop_pending(permit, Status.CANCELLED_BY_RESIDENT)


def expire_unpaid(permit: Permit, today: date) -> Transition:
    """Cancel a request, or the change of an active permit, that was not paid in time."""
    if not permit.is_late(today):
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    return _drop_pending(permit, Status.CANCELLED_UNPAID)


def end(permit: Permit) -> Transition:
    """End a permit before its time: it was revoked, or its resident erased."""
    if not permit.is_open:
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    return Transition(replace(permit, status=Status.ENDED, pending=None), EventType.PERMIT_ENDED)


def imported(
    *,
    permit_id: UUID,
    resident_id: str,
    status: ImportedStatus,
    requested_on: date,
    plate: Plate,
    profile: str,
    address: Address,
    zones: Iterable[str],
    terms: Iterable[Term],
) -> Transition:
    """Take over a permit of the city's former system as it is: it may be requested after its last day.

    Raises:
        JobRefusedError: MISSING_FIELD of `terms` when an active permit has none; INVALID_DATE of `terms` when one ends
            before it starts or two overlap, or of `terms` or `requested_on` before 1900 or after 2200.
    """
    ordered = tuple(sorted(terms, key=lambda term: term.first_day))
    if status is ImportedStatus.ACTIVE and not ordered:
        raise JobRefusedError(RefusalCode.MISSING_FIELD, "terms")
    days = (day for term in ordered for day in (term.first_day, term.last_day))
    if not term_rules.in_order(ordered) or any(day.year not in _IMPORTABLE_YEARS for day in days):
        raise JobRefusedError(RefusalCode.INVALID_DATE, "terms")
    if requested_on.year not in _IMPORTABLE_YEARS:
        raise JobRefusedError(RefusalCode.INVALID_DATE, "requested_on")
    permit = Permit(
        permit_id=permit_id,
        resident_id=resident_id,
        status=Status(status.value),
        requested_on=requested_on,
        profile=profile,
        plate=plate,
        address=address,
        zones=_once_each(zones),
        terms=ordered,
    )
    return Transition(permit, EventType.PERMIT_IMPORTED)


def _under_review(permit: Permit, debt_id: UUID | None) -> Pending:
    if permit.pending is None or permit.review is None:
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED)
    if debt_id not in (None, permit.pending.debt_id):
        raise JobRefusedError(RefusalCode.ACTION_NOT_OFFERED, "debt_id")
    return permit.pending


def _begin(
    permit: Permit, pending: NewVehicle | NewAddress, doubts: tuple[Doubt, ...], today: date, requested: EventType
) -> Transition:
    """Have a change reviewed if there are doubts, else apply it once it is paid."""
    permit = replace(permit, reason=None)  # of the change before
    if not doubts:
        return _apply_once_paid(permit, pending, today, requested)
    reviewed = replace(pending, pay_by=None, review=Review(today, doubts))
    return Transition(replace(permit, pending=reviewed), requested)


def _apply_once_paid(permit: Permit, pending: Pending, today: date, requested: EventType) -> Transition:
    if pending.price_cents == 0:
        return _apply(permit, pending, today)
    return Transition(replace(permit, pending=pending), requested)


def _apply(permit: Permit, pending: Pending, today: date) -> Transition:
    match pending:
        case NewTerm(years=years):
            terms = (*permit.terms, term_rules.next_term(permit.terms, years, today))
            event = EventType.PERMIT_RENEWED if permit.status is Status.ACTIVE else EventType.PERMIT_ACTIVATED
            return Transition(replace(permit, status=Status.ACTIVE, terms=terms, pending=None), event)
        case NewVehicle(plate=plate, verified=vehicle):
            known = _known(permit).model_copy(update={"vehicle": vehicle})
            moved = replace(permit, plate=plate, verified=known, pending=None)
            return Transition(moved, EventType.PERMIT_VEHICLE_CHANGED)
        case NewAddress(address=address, zones=zones, verified=residence):
            known = _known(permit).model_copy(update={"residence": residence})
            moved = replace(permit, address=address, zones=zones, verified=known, pending=None)
            return Transition(moved, EventType.PERMIT_ADDRESS_CHANGED)
        case _:
            assert_never(pending)


def _known(permit: Permit) -> Verified:
    return permit.verified or Verified()


def _drop_pending(permit: Permit, cancelled: Status) -> Transition:
    if permit.status is Status.ACTIVE:
        return Transition(replace(permit, pending=None), EventType.PERMIT_PENDING_CHANGE_CANCELLED)
    return Transition(replace(permit, status=cancelled, pending=None), EventType.PERMIT_CANCELLED)


def _pay_by(today: date, tariffs: Tariffs) -> date:
    return today + timedelta(days=tariffs.unpaid_lapses_after_days)


def _once_each(zones: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(zones))
