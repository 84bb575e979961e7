"""Every transition from every state: its result, or its refusal."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from schemas.events import EventType
from schemas.receipts import RefusalCode
from schemas.space import CardStatus
from schemas.verified import Doubt, Fault, Verifiable, Verified
from tests.support import claims
from worker.domain import life
from worker.domain.life import Transition
from worker.domain.permit import Address, NewAddress, NewTerm, NewVehicle, Permit, Review, Status, Term
from worker.domain.plates import parse
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Offer, Tariffs

MakePermit = Callable[..., Permit]

TODAY = date(2025, 3, 1)
PAY_BY = TODAY + timedelta(days=30)
NEW_HOME = Address("75120_0001_00001", "1 rue Autre, 75020 Paris")
PRICE = 1000

RUNNING = (Term(date(2024, 9, 16), date(2025, 9, 16)),)
TO_RENEW = (Term(date(2024, 4, 30), date(2025, 4, 30)),)
OVER = (Term(date(2024, 2, 28), date(2025, 2, 28)),)
TO_COME = (Term(date(2025, 4, 1), date(2026, 4, 1)),)

IN_DOUBT = Review(TODAY, (Doubt(about=Verifiable.VEHICLE, fault=Fault.UNVERIFIED),))
NEW_CAR = parse("GH-789-JK", "FR")

STATES: dict[str, dict[str, object]] = {
    "submitted": {"status": Status.SUBMITTED, "terms": (), "pending": NewTerm(1, PRICE, review=IN_DOUBT)},
    "awaiting_payment": {"status": Status.AWAITING_PAYMENT, "terms": (), "pending": NewTerm(1, PRICE, PAY_BY)},
    "running": {"terms": RUNNING},
    "to_come": {"terms": TO_COME},
    "to_renew": {"terms": TO_RENEW},
    "over": {"terms": OVER},
    "renewing": {"terms": TO_RENEW, "pending": NewTerm(1, PRICE, PAY_BY)},
    "renewing_late": {"terms": OVER, "pending": NewTerm(1, PRICE, PAY_BY)},
    "moving": {"terms": TO_RENEW, "pending": NewAddress(NEW_HOME, ("20A",), PRICE, PAY_BY)},
    "changing": {"terms": RUNNING, "pending": NewVehicle(NEW_CAR, None, IN_DOUBT)},
    "moving_in_doubt": {"terms": TO_RENEW, "pending": NewAddress(NEW_HOME, ("20A",), PRICE, review=IN_DOUBT)},
    "rejected": {"status": Status.REJECTED, "terms": (), "reason": "no proof"},
    "cancelled_by_resident": {"status": Status.CANCELLED_BY_RESIDENT, "terms": ()},
    "cancelled_unpaid": {"status": Status.CANCELLED_UNPAID, "terms": ()},
    "ended": {"status": Status.ENDED, "terms": RUNNING},
}

TRANSITIONS: dict[str, Callable[[Permit, Tariffs], Transition]] = {
    "approve": lambda permit, tariffs: life.approve(permit, TODAY, tariffs),
    "reject": lambda permit, _: life.reject(permit, "no proof"),
    "confirm_payment": lambda permit, _: life.confirm_payment(permit, PRICE, TODAY),
    "renew": lambda permit, tariffs: life.renew(permit, 1, TODAY, tariffs),
    "change_vehicle": lambda permit, tariffs: life.change_vehicle(
        permit, NEW_CAR, claims.vehicle(NEW_CAR, TODAY), TODAY, tariffs
    ),
    "change_address": lambda permit, tariffs: life.change_address(
        permit, NEW_HOME, ("20A",), claims.residence(NEW_HOME.ban_id, TODAY), TODAY, tariffs
    ),
    "cancel": lambda permit, _: life.cancel(permit),
    "expire_unpaid": lambda permit, _: life.expire_unpaid(permit, PAY_BY + timedelta(days=1)),
    "end": lambda permit, _: life.end(permit),
}

APPROVED = (Status.AWAITING_PAYMENT, EventType.PERMIT_APPROVED)
REJECTED = (Status.REJECTED, EventType.PERMIT_REJECTED)
ACTIVATED = (Status.ACTIVE, EventType.PERMIT_ACTIVATED)
RENEWAL_REQUESTED = (Status.ACTIVE, EventType.PERMIT_RENEWAL_REQUESTED)
RENEWED = (Status.ACTIVE, EventType.PERMIT_RENEWED)
VEHICLE_CHANGED = (Status.ACTIVE, EventType.PERMIT_VEHICLE_CHANGED)
MOVE_REQUESTED = (Status.ACTIVE, EventType.PERMIT_ADDRESS_CHANGE_REQUESTED)
MOVED = (Status.ACTIVE, EventType.PERMIT_ADDRESS_CHANGED)
CHANGE_APPROVED = (Status.ACTIVE, EventType.PERMIT_CHANGE_APPROVED)
CHANGE_REJECTED = (Status.ACTIVE, EventType.PERMIT_CHANGE_REJECTED)
PENDING_DROPPED = (Status.ACTIVE, EventType.PERMIT_PENDING_CHANGE_CANCELLED)
CANCELLED = (Status.CANCELLED_BY_RESIDENT, EventType.PERMIT_CANCELLED)
LAPSED = (Status.CANCELLED_UNPAID, EventType.PERMIT_CANCELLED)
ENDED = (Status.ENDED, EventType.PERMIT_ENDED)

OFFERED = {
    "submitted": {"approve": APPROVED, "reject": REJECTED, "cancel": CANCELLED, "end": ENDED},
    "awaiting_payment": {
        "confirm_payment": ACTIVATED,
        "cancel": CANCELLED,
        "expire_unpaid": LAPSED,
        "end": ENDED,
    },
    "running": {"change_vehicle": VEHICLE_CHANGED, "change_address": MOVED, "end": ENDED},
    "to_come": {"change_vehicle": VEHICLE_CHANGED, "change_address": MOVED, "end": ENDED},
    "to_renew": {"renew": RENEWAL_REQUESTED, "change_address": MOVE_REQUESTED, "end": ENDED},
    "over": {"renew": RENEWAL_REQUESTED, "change_address": MOVE_REQUESTED, "end": ENDED},
    "renewing": {"confirm_payment": RENEWED, "cancel": PENDING_DROPPED, "expire_unpaid": PENDING_DROPPED, "end": ENDED},
    "renewing_late": {
        "confirm_payment": RENEWED,
        "cancel": PENDING_DROPPED,
        "expire_unpaid": PENDING_DROPPED,
        "end": ENDED,
    },
    "moving": {"confirm_payment": MOVED, "cancel": PENDING_DROPPED, "expire_unpaid": PENDING_DROPPED, "end": ENDED},
    "changing": {"approve": VEHICLE_CHANGED, "reject": CHANGE_REJECTED, "cancel": PENDING_DROPPED, "end": ENDED},
    "moving_in_doubt": {
        "approve": CHANGE_APPROVED,
        "reject": CHANGE_REJECTED,
        "cancel": PENDING_DROPPED,
        "end": ENDED,
    },
    "rejected": {},
    "cancelled_by_resident": {},
    "cancelled_unpaid": {},
    "ended": {},
}


def refusal(call: Callable[[], object]) -> tuple[RefusalCode, str | None]:
    with pytest.raises(JobRefusedError) as caught:
        call()
    return caught.value.code, caught.value.field


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("transition", TRANSITIONS)
def test_each_state_accepts_exactly_its_transitions(
    state: str, transition: str, make_permit: MakePermit, tariffs: Tariffs
) -> None:
    permit = make_permit(**STATES[state])
    expected = OFFERED[state].get(transition)
    if expected is None:
        not_paid = transition == "confirm_payment"
        code = RefusalCode.NOT_AWAITING_PAYMENT if not_paid else RefusalCode.ACTION_NOT_OFFERED
        assert refusal(lambda: TRANSITIONS[transition](permit, tariffs)) == (code, None)
    else:
        change = TRANSITIONS[transition](permit, tariffs)
        assert (change.permit.status, change.event) == expected
        identity = (change.permit.permit_id, change.permit.resident_id, change.permit.requested_on)
        assert identity == (permit.permit_id, permit.resident_id, permit.requested_on)
        assert change.permit.is_open or change.permit.pending is None


def test_the_table_covers_each_status() -> None:
    assert {Status(str(state.get("status", Status.ACTIVE))) for state in STATES.values()} == set(Status)


def test_a_card_knows_each_status() -> None:
    assert {status.value for status in Status} == {status.value for status in CardStatus}


def test_a_new_address_takes_effect_once_it_is_paid(make_permit: MakePermit, tariffs: Tariffs) -> None:
    permit = make_permit(terms=TO_RENEW)
    residence = claims.residence(NEW_HOME.ban_id, TODAY)
    moving = life.change_address(permit, NEW_HOME, ("20A", "20B", "20A"), residence, TODAY, tariffs).permit
    moved = life.confirm_payment(moving, 1000, TODAY).permit

    assert (moving.address, moving.zones) == (permit.address, permit.zones)
    assert (moved.address, moved.zones, moved.pending) == (NEW_HOME, ("20A", "20B"), None)
    assert moved.verified == Verified(residence=residence)
    assert life.cancel(moving).permit == permit


def test_a_change_of_vehicle_takes_effect_at_once_and_changes_only_the_plate(
    make_permit: MakePermit, tariffs: Tariffs
) -> None:
    permit = make_permit()
    vehicle = claims.vehicle(NEW_CAR, TODAY)
    changed = life.change_vehicle(permit, NEW_CAR, vehicle, TODAY, tariffs).permit
    assert changed == make_permit(plate=NEW_CAR, verified=Verified(vehicle=vehicle))


@pytest.mark.parametrize("amount", [0, 4499, 4501, 9000])
def test_a_payment_of_another_amount_is_refused(amount: int, make_permit: MakePermit) -> None:
    permit = make_permit(status=Status.AWAITING_PAYMENT, terms=(), pending=NewTerm(1, 4500, PAY_BY))
    refused = refusal(lambda: life.confirm_payment(permit, amount, TODAY))
    assert refused == (RefusalCode.WRONG_AMOUNT, "amount_cents")


def test_a_second_payment_is_refused(make_permit: MakePermit) -> None:
    permit = make_permit(status=Status.AWAITING_PAYMENT, terms=(), pending=NewTerm(1, 4500, PAY_BY))
    active = life.confirm_payment(permit, 4500, TODAY).permit
    assert refusal(lambda: life.confirm_payment(active, 4500, TODAY)) == (RefusalCode.NOT_AWAITING_PAYMENT, None)


@pytest.mark.parametrize("state", ["awaiting_payment", "renewing", "moving"])
def test_an_unpaid_change_lapses_only_after_its_last_day_to_pay(state: str, make_permit: MakePermit) -> None:
    permit = make_permit(**STATES[state])
    assert refusal(lambda: life.expire_unpaid(permit, PAY_BY)) == (RefusalCode.ACTION_NOT_OFFERED, None)
    assert life.confirm_payment(permit, PRICE, PAY_BY).permit.pending is None


@pytest.mark.parametrize("reason", [None, "", " \t\n"])
def test_a_rejection_needs_a_reason(reason: str | None, make_permit: MakePermit) -> None:
    permit = make_permit(**STATES["submitted"])
    assert refusal(lambda: life.reject(permit, reason)) == (RefusalCode.REASON_REQUIRED, "reason")
    assert life.reject(permit, " no proof ").permit.reason == "no proof"


@pytest.mark.parametrize(("profile", "years", "field"), [("lorry", 1, "profile"), ("standard", 2, "years")])
def test_a_renewal_without_a_tariff_is_refused(
    profile: str, years: int, field: str, make_permit: MakePermit, tariffs: Tariffs
) -> None:
    permit = make_permit(terms=OVER, profile=profile)
    assert refusal(lambda: life.renew(permit, years, TODAY, tariffs)) == (RefusalCode.UNKNOWN_TARIFF, field)


def test_a_price_is_fixed_from_the_request_until_it_lapses(make_permit: MakePermit, tariffs: Tariffs) -> None:
    permit = make_permit(**STATES["submitted"])
    dearer = tariffs.model_copy(update={"profiles": {"standard": Offer(price_cents={1: 99_999}, requires=frozenset())}})
    assert life.approve(permit, TODAY, dearer).permit.pending == NewTerm(1, PRICE, PAY_BY)


def test_a_free_renewal_is_applied_at_once(make_permit: MakePermit, tariffs: Tariffs) -> None:
    change = life.renew(make_permit(profile="low_emission", terms=TO_RENEW), 1, TODAY, tariffs)
    assert (change.event, change.permit.pending) == (EventType.PERMIT_RENEWED, None)
    assert change.permit.terms == (*TO_RENEW, Term(date(2025, 5, 1), date(2026, 4, 30)))


def test_reprs_show_no_personal_data(make_permit: MakePermit) -> None:
    permit = make_permit(reason="a private matter", pending=NewAddress(NEW_HOME, ("20A",), PRICE))
    shown = repr(permit) + repr(permit.pending) + repr(permit.plate) + repr(permit.address)
    hidden = (permit.plate.raw, permit.plate.normalised, permit.address.label, NEW_HOME.label, NEW_HOME.ban_id)
    assert not [text for text in (*hidden, "private", "20A", "14A", "standard") if text in shown]
