"""A card offers exactly the transitions that are accepted, at the price that they have."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.receipts import RefusalCode
from schemas.space import ActionName
from schemas.verified import Verified
from tests.support import claims
from worker.domain import life
from worker.domain.actions import actions
from worker.domain.life import Transition
from worker.domain.pending import as_json, from_json
from worker.domain.permit import Address, Permit, Status
from worker.domain.plates import parse
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs
from worker.domain.terms import in_order

START = date(2024, 2, 29)
HOMES = (
    Address("75120_0001_00001", "1 rue Autre, 75020 Paris"),
    Address("75120_0001_00002", "2 rue Autre, 75020 Paris"),
)
PLATE = parse("EF-367-QS", "FR")
HOME = Address("75114_1834_00010", "10 rue Example, 75014 Paris")
PLATES = parse("GH-789-JK", "FR"), parse("GH-790-JK", "FR")
NOT_OFFERED = {RefusalCode.ACTION_NOT_OFFERED, RefusalCode.NOT_AWAITING_PAYMENT}

Attempt = Callable[[Permit, date, Tariffs], Transition]


def _change_vehicle(permit: Permit, verified: bool, today: date, tariffs: Tariffs) -> Transition:
    plate = PLATES[permit.plate == PLATES[0]]
    claim = claims.vehicle(plate, today, permit.profile) if verified else None
    return life.change_vehicle(permit, plate, claim, today, tariffs)


def _change_address(permit: Permit, verified: bool, today: date, tariffs: Tariffs) -> Transition:
    home = HOMES[permit.address == HOMES[0]]
    claim = claims.residence(home.ban_id, today) if verified else None
    return life.change_address(permit, home, ("20A",), claim, today, tariffs)


RESIDENT: dict[ActionName, Attempt] = {
    ActionName.PAY: lambda permit, today, _: life.confirm_payment(
        permit, permit.pending.price_cents if permit.pending else 0, today
    ),
    ActionName.CHANGE_VEHICLE: lambda permit, today, tariffs: _change_vehicle(permit, True, today, tariffs),
    ActionName.CHANGE_ADDRESS: lambda permit, today, tariffs: _change_address(permit, True, today, tariffs),
    ActionName.RENEW: lambda permit, today, tariffs: life.renew(permit, 1, today, tariffs),
    ActionName.CANCEL: lambda permit, _, __: life.cancel(permit),
}
OTHERS: list[Attempt] = [
    lambda permit, today, tariffs: _change_vehicle(permit, False, today, tariffs),
    lambda permit, today, tariffs: _change_address(permit, False, today, tariffs),
    lambda permit, today, tariffs: life.approve(permit, today, tariffs),
    lambda permit, today, tariffs: life.renew(permit, 3, today, tariffs),
    lambda permit, today, _: life.expire_unpaid(permit, today),
    lambda permit, _, __: life.reject(permit, "no proof"),
    lambda permit, _, __: life.end(permit),
]

attempts = st.one_of(*[st.just(attempt) for attempt in (*RESIDENT.values(), *OTHERS)])
waits = st.one_of(st.integers(0, 40), st.integers(200, 500))
profiles = st.sampled_from(["standard", "two_wheeler", "low_emission"])


def accepted(attempt: Attempt, permit: Permit, today: date, tariffs: Tariffs) -> Transition | None:
    try:
        return attempt(permit, today, tariffs)
    except JobRefusedError as refused:
        if refused.code in NOT_OFFERED:
            return None
        raise


def check(permit: Permit, today: date, tariffs: Tariffs) -> None:
    shown = {action.name: action.price_cents for action in actions(permit, today, tariffs)}
    changes = {name: accepted(attempt, permit, today, tariffs) for name, attempt in RESIDENT.items()}

    assert set(shown) == {name for name, change in changes.items() if change} | {ActionName.DETAILS}
    assert len(shown) == len(actions(permit, today, tariffs))
    assert list(shown) == [name for name in ActionName if name in shown]
    if moved := changes[ActionName.CHANGE_ADDRESS]:
        due = moved.permit.pending.price_cents if moved.permit.pending else 0
        assert due == shown[ActionName.CHANGE_ADDRESS]
    if permit.unpaid:
        assert permit.unpaid.pay_by is not None
    if permit.unpaid and permit.unpaid.pay_by and today <= permit.unpaid.pay_by:
        assert shown[ActionName.PAY] == permit.unpaid.price_cents > 0
    else:
        assert ActionName.PAY not in shown


def check_invariants(before: Permit, after: Permit) -> None:
    assert in_order(after.terms)
    assert after.terms[: len(before.terms)] == before.terms
    assert (after.status is Status.ACTIVE) <= bool(after.terms)
    assert (after.status in (Status.SUBMITTED, Status.AWAITING_PAYMENT)) <= (after.pending is not None)
    assert (after.pending is not None) <= after.is_open
    if after.pending is not None:
        assert from_json(as_json(after.pending)) == after.pending
        assert (after.plate, after.address, after.zones) == (before.plate, before.address, before.zones)


@settings(max_examples=300)
@given(profiles, st.booleans(), st.lists(st.tuples(waits, attempts), max_size=25))
def test_a_card_offers_exactly_the_transitions_that_are_accepted(
    tariffs: Tariffs, profile: str, verified: bool, steps: list[tuple[int, Attempt]]
) -> None:
    today = START
    permit = life.request(
        permit_id=UUID(int=1),
        resident_id="resident-1",
        plate=PLATE,
        profile=profile,
        years=1,
        address=HOME,
        zones=("14A",),
        verified=claims.everything(PLATE, HOME.ban_id, profile, START) if verified else Verified(),
        today=today,
        tariffs=tariffs,
    ).permit
    check_invariants(permit, permit)
    check(permit, today, tariffs)
    for wait, attempt in steps:
        today += timedelta(days=wait)
        check(permit, today, tariffs)
        change = accepted(attempt, permit, today, tariffs)
        if change is not None:
            check_invariants(permit, change.permit)
            permit = change.permit
            check(permit, today, tariffs)
