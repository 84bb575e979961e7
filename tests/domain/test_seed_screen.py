"""The residents' own screen as of 16/09/2024: card by card, action by action, price by price."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from schemas.jobs import ImportedStatus
from schemas.space import ActionName
from schemas.verified import Verified
from tests.support import claims
from worker.domain import life
from worker.domain.actions import actions
from worker.domain.permit import Address, Permit, Status, Term
from worker.domain.plates import parse
from worker.domain.tariffs import Tariffs

TODAY = date(2024, 9, 16)
HOME = Address("75114_1834_00010", "10 rue Example, 75014 Paris")
ELSEWHERE = Address("75120_0001_00001", "1 rue Autre, 75020 Paris")
FREE = 0
PLATE = parse("EF-367-QS", "FR")
UNPRICED = None


def request(tariffs: Tariffs, *, profile: str = "standard", verified: bool = True) -> Permit:
    change = life.request(
        permit_id=UUID(int=1),
        resident_id="resident-1",
        plate=PLATE,
        profile=profile,
        years=1,
        address=HOME,
        zones=("14A",),
        verified=claims.everything(PLATE, HOME.ban_id, profile, TODAY) if verified else Verified(),
        today=TODAY,
        tariffs=tariffs,
    )
    return change.permit


def imported(plate: str, status: ImportedStatus, *terms: Term) -> Permit:
    return life.imported(
        permit_id=UUID(int=2),
        resident_id="resident-1",
        status=status,
        requested_on=TODAY,
        plate=parse(plate, "FR"),
        profile="standard",
        address=HOME,
        zones=("14A",),
        terms=terms,
    ).permit


def buttons(permit: Permit, tariffs: Tariffs, today: date = TODAY) -> list[tuple[ActionName, int | None]]:
    return [(action.name, action.price_cents) for action in actions(permit, today, tariffs)]


def test_ef_367_qs_requested_and_paid_today_is_active_for_a_year(tariffs: Tariffs) -> None:
    awaiting = request(tariffs)
    card = life.confirm_payment(awaiting, 4500, TODAY).permit

    assert (card.status, card.requested_on, card.last_day) == (Status.ACTIVE, TODAY, date(2025, 9, 16))
    assert buttons(card, tariffs) == [
        (ActionName.CHANGE_VEHICLE, UNPRICED),
        (ActionName.CHANGE_ADDRESS, FREE),
        (ActionName.DETAILS, UNPRICED),
    ]


def test_po_456_vb_expired_yesterday_is_still_active_and_can_be_renewed(tariffs: Tariffs) -> None:
    card = imported("PO-456-VB", ImportedStatus.ACTIVE, Term(date(2023, 9, 15), date(2024, 9, 15)))

    assert (card.status, card.requested_on, card.last_day) == (Status.ACTIVE, TODAY, date(2024, 9, 15))
    assert buttons(card, tariffs) == [
        (ActionName.CHANGE_ADDRESS, 1000),
        (ActionName.RENEW, UNPRICED),
        (ActionName.DETAILS, UNPRICED),
    ]


def test_aa_111_aa_cancelled_by_the_resident_offers_only_its_details(tariffs: Tariffs) -> None:
    card = imported("AA-111-AA", ImportedStatus.CANCELLED_BY_RESIDENT)

    assert (card.status, card.requested_on, card.last_day) == (Status.CANCELLED_BY_RESIDENT, TODAY, None)
    assert buttons(card, tariffs) == [(ActionName.DETAILS, UNPRICED)]


@pytest.mark.parametrize(("profile", "price"), [("standard", 4500), ("two_wheeler", 2250)])
def test_a_permit_awaiting_payment_offers_to_pay_and_to_cancel(tariffs: Tariffs, profile: str, price: int) -> None:
    card = request(tariffs, profile=profile)

    assert (card.status, card.last_day) == (Status.AWAITING_PAYMENT, None)
    assert buttons(card, tariffs) == [
        (ActionName.PAY, price),
        (ActionName.CANCEL, UNPRICED),
        (ActionName.DETAILS, UNPRICED),
    ]


def test_a_request_under_review_offers_to_cancel(tariffs: Tariffs) -> None:
    card = request(tariffs, verified=False)

    assert card.status is Status.SUBMITTED
    assert buttons(card, tariffs) == [(ActionName.CANCEL, UNPRICED), (ActionName.DETAILS, UNPRICED)]


def test_an_active_permit_with_an_unpaid_change_offers_no_other_change(tariffs: Tariffs) -> None:
    lapsed = imported("PO-456-VB", ImportedStatus.ACTIVE, Term(date(2023, 9, 15), date(2024, 9, 15)))
    renewing = life.renew(lapsed, 3, TODAY, tariffs).permit
    moving = life.change_address(
        lapsed, ELSEWHERE, ("20A",), claims.residence(ELSEWHERE.ban_id, TODAY), TODAY, tariffs
    ).permit

    assert buttons(renewing, tariffs) == [
        (ActionName.PAY, 9000),
        (ActionName.CANCEL, UNPRICED),
        (ActionName.DETAILS, UNPRICED),
    ]
    assert buttons(moving, tariffs)[0] == (ActionName.PAY, 1000)


def test_renewal_opens_two_months_before_the_last_day(tariffs: Tariffs) -> None:
    card = life.confirm_payment(request(tariffs), 4500, TODAY).permit
    opening = date(2025, 7, 16)

    assert ActionName.RENEW not in [name for name, _ in buttons(card, tariffs, opening - timedelta(days=1))]
    assert buttons(card, tariffs, opening) == [
        (ActionName.CHANGE_ADDRESS, 1000),
        (ActionName.RENEW, UNPRICED),
        (ActionName.DETAILS, UNPRICED),
    ]


def test_a_profile_without_a_tariff_is_not_offered_a_renewal(tariffs: Tariffs) -> None:
    without = tariffs.model_copy(update={"profiles": {"two_wheeler": {1: 2250}}})
    lapsed = imported("PO-456-VB", ImportedStatus.ACTIVE, Term(date(2023, 9, 15), date(2024, 9, 15)))

    assert ActionName.RENEW not in [name for name, _ in buttons(lapsed, without)]
