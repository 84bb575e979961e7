"""A change to the same value is refused; new details of the same place are free."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import EventType
from schemas.receipts import RefusalCode
from tests.support import claims
from worker.domain import life
from worker.domain.addresses import Difference, difference
from worker.domain.permit import Address, Permit, Term
from worker.domain.plates import parse
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs

LAPSED = (Term(date(2024, 2, 28), date(2025, 2, 28)),)
TODAY = date(2025, 3, 1)
HERE, ZONES = Address("75114_1834_00010", "10 rue de l'Œuvre Cæsar, 75014 Paris"), ("14A", "14B")


def moved(make_permit: Callable[..., Permit], tariffs: Tariffs, address: Address, zones: tuple[str, ...]) -> Any:
    permit = make_permit(address=HERE, zones=ZONES, terms=LAPSED)
    return life.change_address(permit, address, zones, claims.residence(address.ban_id, TODAY), TODAY, tariffs)


@pytest.mark.parametrize(
    "label",
    [
        HERE.label,
        "10 RUE DE L'OEUVRE CAESAR 75014 PARIS",
        "10, rue de l’œuvre cæsar 75014  Paris",
        "10 rue de l'œuvre Cæsar 75014 PARIS",
    ],
)
def test_a_change_to_the_same_address_is_refused(
    make_permit: Callable[..., Permit], tariffs: Tariffs, label: str
) -> None:
    with pytest.raises(JobRefusedError) as refused:
        moved(make_permit, tariffs, Address(HERE.ban_id, label), ("14B", "14A", "14A"))
    assert (refused.value.code, refused.value.field) == (RefusalCode.ADDRESS_UNCHANGED, "address")


@pytest.mark.parametrize(
    ("address", "zones"),
    [
        (Address(HERE.ban_id, "10 rue de l'Œuvre, escalier B, 75014 Paris"), ZONES),
        (HERE, ("14C",)),
        (Address("75114_1834_99999", HERE.label), ZONES),
    ],
)
def test_new_details_of_the_same_place_apply_at_once_for_free(
    make_permit: Callable[..., Permit], tariffs: Tariffs, address: Address, zones: tuple[str, ...]
) -> None:
    change = moved(make_permit, tariffs, address, zones)
    assert change.event is EventType.PERMIT_ADDRESS_CHANGED
    assert (change.permit.address, change.permit.zones, change.permit.pending) == (address, zones, None)


@pytest.mark.parametrize(
    ("address", "zones"),
    [
        (Address("75114_1834_00012", "12 rue de l'Œuvre, 75014 Paris"), ZONES),
        (Address("75115_1834_00010", HERE.label), ("15A",)),  # a street of the same name
    ],
)
def test_another_place_has_its_price(
    make_permit: Callable[..., Permit], tariffs: Tariffs, address: Address, zones: tuple[str, ...]
) -> None:
    change = moved(make_permit, tariffs, address, zones)
    assert change.event is EventType.PERMIT_ADDRESS_CHANGE_REQUESTED
    assert change.permit.pending.price_cents == 1000


@given(
    st.sampled_from((HERE, Address("x", HERE.label), Address(HERE.ban_id, "y"), Address("x", "y"))),
    st.sampled_from((ZONES, ("14C",))),
)
def test_a_place_differs_only_if_identifier_and_words_or_zones_differ(new: Address, zones: tuple[str, ...]) -> None:
    assert difference((HERE, ZONES), (HERE, ZONES)) is Difference.NONE
    same_id, same_words = new.ban_id == HERE.ban_id, (new.label, zones) == (HERE.label, ZONES)
    found = difference((HERE, ZONES), (new, zones))
    assert (found is Difference.PLACE) == (not same_id and not same_words)
    assert (found is Difference.NONE) == (same_id and same_words)


@pytest.mark.parametrize(
    ("known", "typed", "country"),
    [
        ("EF-367-QS", "EF-367-QS", "FR"),
        ("EF-367-QS", "ef 367 qs", "FR"),
        ("B-NO 1234", "b-no 1234", "DE"),
        ("АА 1234 ВВ", "AA 1234 BB", "UA"),
    ],
)
def test_a_change_to_the_same_vehicle_is_refused(
    make_permit: Callable[..., Permit], tariffs: Tariffs, known: str, typed: str, country: str
) -> None:
    permit = make_permit(plate=parse(known, country))
    with pytest.raises(JobRefusedError) as refused:
        life.change_vehicle(permit, parse(typed, country), None, TODAY, tariffs)
    assert (refused.value.code, refused.value.field) == (RefusalCode.VEHICLE_UNCHANGED, "plate")


@pytest.mark.parametrize(("known", "typed"), [("BNO 1234", "B-NO 1234"), ("B-NO 1234", "B NO 1234")])
def test_the_same_vehicle_can_be_given_another_spelling(
    make_permit: Callable[..., Permit], tariffs: Tariffs, known: str, typed: str
) -> None:
    plate = parse(typed, "DE")
    permit = make_permit(plate=parse(known, "DE"))
    assert life.change_vehicle(permit, plate, claims.vehicle(plate, TODAY), TODAY, tariffs).permit.plate == plate


def test_the_same_letters_of_another_country_are_another_vehicle(
    make_permit: Callable[..., Permit], tariffs: Tariffs
) -> None:
    plate = parse("EF-367-QS", "BE")
    assert life.change_vehicle(make_permit(), plate, claims.vehicle(plate, TODAY), TODAY, tariffs).permit.plate == plate
