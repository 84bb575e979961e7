"""What was verified counts for exactly what it names; the rest goes under review."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import uuid4

import pytest

from schemas.events import EventType
from schemas.receipts import RefusalCode
from schemas.verified import Claim, Doubt, Fault, Verifiable, Verified
from tests.support import claims
from worker.domain import life
from worker.domain.actions import actions
from worker.domain.claims import doubts_of_request, doubts_of_vehicle
from worker.domain.permit import Address, NewAddress, NewVehicle, Permit, Status, Term
from worker.domain.plates import parse
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs

MakePermit = Callable[..., Permit]

TODAY = date(2025, 3, 1)
PLATE, OTHER = parse("EF-367-QS", "FR"), parse("GH-789-JK", "FR")
HOME = Address("75114_1834_00010", "10 rue Exemple, 75014 Paris")
ELSEWHERE = Address("75120_0001_00001", "1 rue Autre, 75020 Paris")
LAPSED = (Term(date(2024, 2, 28), date(2025, 2, 28)),)
RESIDENCE, VEHICLE, VEHICLE_PROFILE, INCOME = Verifiable
UNVERIFIED, DIFFERENT, OUTDATED = Fault


def doubts(verified: Verified, profile: str, tariffs: Tariffs) -> dict[Verifiable, Fault]:
    found = doubts_of_request(verified, PLATE, HOME.ban_id, profile, TODAY, tariffs)
    return {doubt.about: doubt.fault for doubt in found}


def aged(claim: Claim, days: int) -> Claim:
    return claim.model_copy(update={"verified_at": claim.verified_at - timedelta(days=days)})


@pytest.mark.parametrize("profile", ["standard", "two_wheeler", "low_emission", "non_taxable"])
def test_all_that_is_verified_leaves_no_doubt(tariffs: Tariffs, profile: str) -> None:
    assert doubts(claims.everything(PLATE, HOME.ban_id, profile, TODAY), profile, tariffs) == {}


@pytest.mark.parametrize(
    ("profile", "required"),
    [
        ("standard", {RESIDENCE, VEHICLE}),
        ("two_wheeler", {RESIDENCE, VEHICLE, VEHICLE_PROFILE}),
        ("low_emission", {RESIDENCE, VEHICLE, VEHICLE_PROFILE}),
        ("non_taxable", {RESIDENCE, VEHICLE, INCOME}),
    ],
)
def test_a_profile_says_what_has_to_be_verified(tariffs: Tariffs, profile: str, required: set[Verifiable]) -> None:
    assert doubts(Verified(), profile, tariffs) == dict.fromkeys(required, UNVERIFIED)


def test_claims_about_something_else_leave_all_of_it_in_doubt(tariffs: Tariffs) -> None:
    other = claims.everything(OTHER, ELSEWHERE.ban_id, "standard", TODAY)
    assert doubts(other, "two_wheeler", tariffs) == {
        RESIDENCE: DIFFERENT,
        VEHICLE: DIFFERENT,
        VEHICLE_PROFILE: DIFFERENT,
    }
    assert doubts(other, "non_taxable", tariffs)[INCOME] is DIFFERENT


def test_a_vehicle_that_entitles_to_another_profile_is_the_residents_all_the_same(tariffs: Tariffs) -> None:
    verified = claims.everything(PLATE, HOME.ban_id, "standard", TODAY)
    assert doubts(verified, "low_emission", tariffs) == {VEHICLE_PROFILE: UNVERIFIED}


@pytest.mark.parametrize(
    ("known", "typed", "country", "same"),
    [
        ("EF367QS", "ef 367 qs", "FR", True),
        ("B-NO 1234", "B NO 1234", "DE", True),
        ("B-NO 1234", "BN-O 1234", "DE", False),
        ("BNO1234", "B-NO 1234", "DE", False),  # it may stand for two cars
        ("B-NO 1234", "BNO1234", "DE", False),
    ],
)
def test_a_vehicle_is_compared_as_the_hub_reads_it(
    tariffs: Tariffs, known: str, typed: str, country: str, same: bool
) -> None:
    claim = claims.vehicle(parse(known, country), TODAY)
    found = doubts_of_vehicle(claim, parse(typed, country), "standard", TODAY, tariffs)
    assert found == (() if same else (Doubt(about=VEHICLE, fault=DIFFERENT),))


def test_the_same_letters_of_another_country_are_another_vehicle(tariffs: Tariffs) -> None:
    claim = claims.vehicle(parse("EF-367-QS", "BE"), TODAY)
    assert doubts_of_vehicle(claim, PLATE, "standard", TODAY, tariffs)[0].fault is DIFFERENT


def test_an_old_claim_does_not_count_and_one_of_the_future_is_refused(tariffs: Tariffs) -> None:
    days = tariffs.verified_counts_days
    fresh, old = (Verified(residence=aged(claims.residence(HOME.ban_id, TODAY), age)) for age in (days, days + 1))
    assert RESIDENCE not in doubts(fresh, "standard", tariffs)
    assert doubts(old, "standard", tariffs)[RESIDENCE] is OUTDATED
    with pytest.raises(JobRefusedError) as refused:
        doubts(Verified(residence=aged(claims.residence(HOME.ban_id, TODAY), -2)), "standard", tariffs)
    assert (refused.value.code, refused.value.field) == (RefusalCode.INVALID_DATE, "verified.residence.verified_at")


def test_a_claim_about_no_plate_is_refused(tariffs: Tariffs) -> None:
    claim = claims.vehicle(PLATE, TODAY)
    claim = claim.model_copy(update={"plate": claim.plate.model_copy(update={"raw": "- -"})})
    with pytest.raises(JobRefusedError) as refused:
        doubts_of_vehicle(claim, PLATE, "standard", TODAY, tariffs)
    assert (refused.value.code, refused.value.field) == (RefusalCode.INVALID_VALUE, "verified.vehicle.plate.raw")


def test_an_unverified_vehicle_waits_and_the_old_one_stays(make_permit: MakePermit, tariffs: Tariffs) -> None:
    permit = make_permit()
    claim = claims.vehicle(OTHER, TODAY)
    change = life.change_vehicle(permit, parse("ZZ", "FR"), claim, TODAY, tariffs)
    waiting = change.permit
    assert change.event is EventType.PERMIT_VEHICLE_CHANGE_REQUESTED
    assert (waiting.plate, waiting.status, waiting.terms) == (permit.plate, Status.ACTIVE, permit.terms)
    assert waiting.review is not None
    assert waiting.review.doubts == (Doubt(about=VEHICLE, fault=DIFFERENT),)
    assert [action.name for action in actions(waiting, TODAY, tariffs)] == ["cancel", "details"]
    assert life.cancel(waiting).permit == permit

    approved = life.approve(waiting, TODAY, tariffs)
    assert approved.event is EventType.PERMIT_VEHICLE_CHANGED
    assert (approved.permit.plate, approved.permit.pending) == (parse("ZZ", "FR"), None)
    assert approved.permit.verified == Verified(vehicle=claim)

    rejected = life.reject(waiting, "Il n'y a pas de véhicule ZZ.")
    assert rejected.event is EventType.PERMIT_CHANGE_REJECTED
    assert rejected.permit.reason == "Il n'y a pas de véhicule ZZ."
    assert (rejected.permit.plate, rejected.permit.status, rejected.permit.pending) == (permit.plate, "active", None)
    again = life.change_vehicle(rejected.permit, OTHER, claim, TODAY, tariffs).permit
    assert (again.plate, again.reason) == (OTHER, None)


def test_a_two_wheelers_permit_cannot_become_a_cars_without_an_agent(make_permit: MakePermit, tariffs: Tariffs) -> None:
    change = life.change_vehicle(
        make_permit(profile="two_wheeler"), OTHER, claims.vehicle(OTHER, TODAY, "standard"), TODAY, tariffs
    )
    assert change.permit.review is not None
    assert change.permit.review.doubts == (Doubt(about=VEHICLE_PROFILE, fault=UNVERIFIED),)


def test_an_unverified_address_is_looked_at_and_then_paid(make_permit: MakePermit, tariffs: Tariffs) -> None:
    permit = make_permit(terms=LAPSED)
    waiting = life.change_address(permit, ELSEWHERE, ("20A",), None, TODAY, tariffs).permit
    assert isinstance(waiting.pending, NewAddress)
    assert (waiting.unpaid, waiting.pending.pay_by, waiting.address) == (None, None, permit.address)

    approved = life.approve(waiting, TODAY, tariffs)
    assert approved.event is EventType.PERMIT_CHANGE_APPROVED
    assert approved.permit.payable(TODAY) == approved.permit.pending
    assert approved.permit.address == permit.address
    paid = life.confirm_payment(approved.permit, 1000, TODAY).permit
    assert (paid.address, paid.zones) == (ELSEWHERE, ("20A",))


def test_a_decision_counts_only_for_what_the_agent_looked_at(make_permit: MakePermit, tariffs: Tariffs) -> None:
    seen = life.change_vehicle(make_permit(), OTHER, None, TODAY, tariffs).permit.pending
    now = life.change_vehicle(make_permit(), parse("ZZ", "FR"), None, TODAY, tariffs).permit
    assert isinstance(seen, NewVehicle)
    for debt_id in (seen.debt_id, uuid4()):
        with pytest.raises(JobRefusedError) as refused:
            life.approve(now, TODAY, tariffs, debt_id)
        assert (refused.value.code, refused.value.field) == (RefusalCode.ACTION_NOT_OFFERED, "debt_id")
        with pytest.raises(JobRefusedError):
            life.reject(now, "no", debt_id)
    assert now.pending is not None
    assert life.approve(now, TODAY, tariffs, now.pending.debt_id).permit.plate == parse("ZZ", "FR")
