"""New permits: by request, or imported from the former system."""

from datetime import date
from uuid import UUID

import pytest

from schemas.events import EventType
from schemas.jobs import ImportedStatus
from schemas.receipts import RefusalCode
from schemas.verified import Doubt, Fault, Verifiable, Verified
from tests.support import claims
from worker.domain import life
from worker.domain.life import Transition
from worker.domain.permit import Address, NewTerm, Permit, Review, Status, Term
from worker.domain.plates import parse
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs

TODAY = date(2024, 9, 16)
PLATE = parse("EF-367-QS", "FR")
HOME = Address("75114_1834_00010", "10 rue Example, 75014 Paris")


def request(
    tariffs: Tariffs, *, profile: str = "standard", years: int = 1, verified: Verified | None = None
) -> Transition:
    return life.request(
        permit_id=UUID(int=1),
        resident_id="resident-1",
        plate=PLATE,
        profile=profile,
        years=years,
        address=HOME,
        zones=["14A", "14B", "14A"],
        verified=claims.everything(PLATE, HOME.ban_id, profile, TODAY) if verified is None else verified,
        today=TODAY,
        tariffs=tariffs,
    )


def imported(*terms: Term, status: ImportedStatus = ImportedStatus.ACTIVE, requested_on: date = TODAY) -> Permit:
    change = life.imported(
        permit_id=UUID(int=1),
        resident_id="resident-1",
        status=status,
        requested_on=requested_on,
        plate=PLATE,
        profile="standard",
        address=HOME,
        zones=("14A",),
        terms=terms,
    )
    assert change.event is EventType.PERMIT_IMPORTED
    return change.permit


def year(of: int) -> Term:
    return Term(date(of, 1, 1), date(of, 12, 31))


def test_a_request_not_fully_verified_is_under_review(tariffs: Tariffs) -> None:
    change = request(tariffs, verified=Verified(residence=claims.residence(HOME.ban_id, TODAY)))
    assert (change.permit.status, change.event) == (Status.SUBMITTED, EventType.PERMIT_REQUESTED)
    doubts = (Doubt(about=Verifiable.VEHICLE, fault=Fault.UNVERIFIED),)
    assert change.permit.pending == NewTerm(1, 4500, review=Review(TODAY, doubts))


def test_a_verified_request_awaits_its_payment(tariffs: Tariffs) -> None:
    change = request(tariffs, years=3)
    assert (change.permit.status, change.event) == (Status.AWAITING_PAYMENT, EventType.PERMIT_APPROVED)
    assert change.permit.pending == NewTerm(3, 9000, date(2024, 10, 16))
    assert change.permit.zones == ("14A", "14B")


@pytest.mark.parametrize("profile", ["low_emission", "non_taxable"])
def test_a_free_verified_request_is_active_at_once(tariffs: Tariffs, profile: str) -> None:
    change = request(tariffs, profile=profile)
    assert (change.permit.status, change.event) == (Status.ACTIVE, EventType.PERMIT_ACTIVATED)
    assert change.permit.terms == (Term(TODAY, date(2025, 9, 16)),)
    assert change.permit.pending is None


def test_a_free_request_under_review_is_active_once_approved(tariffs: Tariffs) -> None:
    review = request(tariffs, profile="low_emission", verified=Verified()).permit
    approved_on = date(2024, 10, 1)
    change = life.approve(review, approved_on, tariffs)
    assert (change.event, change.permit.terms) == (
        EventType.PERMIT_ACTIVATED,
        (Term(approved_on, date(2025, 10, 1)),),
    )


@pytest.mark.parametrize(("profile", "years", "field"), [("lorry", 1, "profile"), ("standard", 2, "years")])
def test_a_request_without_a_tariff_is_refused(tariffs: Tariffs, profile: str, years: int, field: str) -> None:
    with pytest.raises(JobRefusedError) as caught:
        request(tariffs, profile=profile, years=years)
    assert (caught.value.code, caught.value.field) == (RefusalCode.UNKNOWN_TARIFF, field)


def test_import_takes_a_permit_requested_after_its_last_day() -> None:
    permit = imported(Term(date(2023, 9, 15), date(2024, 9, 15)))
    assert permit.requested_on > date(2024, 9, 15) == permit.last_day


def test_import_sorts_terms_and_accepts_gaps_and_single_days() -> None:
    single = Term(date(2021, 5, 5), date(2021, 5, 5))
    assert imported(year(2024), single, year(2019)).terms == (year(2019), single, year(2024))


@pytest.mark.parametrize("status", ImportedStatus)
def test_import_keeps_the_status(status: ImportedStatus) -> None:
    assert imported(year(2024), status=status).status == status.value


@pytest.mark.parametrize(
    "terms",
    [
        (Term(date(2024, 9, 16), date(2024, 9, 15)),),
        (year(2024), year(2024)),
        (year(2023), Term(date(2023, 12, 31), date(2024, 12, 31))),
        (Term(date(2020, 1, 1), date(2025, 1, 1)), year(2022)),
        (Term(date(2024, 1, 1), date.max),),
        (Term(date.min, date(2024, 1, 1)),),
    ],
    ids=[
        "ends before it starts",
        "same term twice",
        "one day in both",
        "one within the other",
        "too late",
        "too early",
    ],
)
def test_import_refuses_impossible_terms(terms: tuple[Term, ...]) -> None:
    with pytest.raises(JobRefusedError) as caught:
        imported(*terms)
    assert (caught.value.code, caught.value.field) == (RefusalCode.INVALID_DATE, "terms")


def test_import_refuses_an_active_permit_without_a_term() -> None:
    with pytest.raises(JobRefusedError) as caught:
        imported()
    assert (caught.value.code, caught.value.field) == (RefusalCode.MISSING_FIELD, "terms")


@pytest.mark.parametrize("day", [date.min, date.max])
def test_import_refuses_a_request_date_before_1900_or_after_2200(day: date) -> None:
    with pytest.raises(JobRefusedError) as caught:
        imported(year(2024), requested_on=day)
    assert (caught.value.code, caught.value.field) == (RefusalCode.INVALID_DATE, "requested_on")
