"""Every debt has its own id: a payment counts for its debt, once."""

from collections.abc import Callable
from datetime import date
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from schemas.history import History
from schemas.receipts import Outcome, Receipt, RefusalCode
from tests.services.evidence import Evidence
from tests.services.in_redis import read_document
from tests.services.upstream import ADDRESS, ANNE, ELSEWHERE, UNVERIFIED, Upstream
from worker.hub import Hub
from worker.services.publishing.history import put_history


@pytest.fixture
def debt(hub: Hub, today: date) -> Callable[[UUID], UUID]:
    """Return the debt id of a permit, as the resident's history has it."""

    def read(permit_id: UUID) -> UUID:
        task_id = uuid4()
        put_history(hub, ANNE, task_id, today)
        history = History.model_validate_json(read_document(hub, f"history:{task_id}"))
        (pending,) = (one.pending for one in history.permits if one.permit_id == permit_id)
        assert pending is not None
        assert pending.debt_id is not None
        return pending.debt_id

    return read


class Pay(Protocol):
    def __call__(self, permit_id: UUID, debt_id: UUID, cents: int = ...) -> Receipt: ...


@pytest.fixture
def pay(upstream: Upstream) -> Pay:
    """Pay 10 € for a debt, as the payment service reports it."""

    def send(permit_id: UUID, debt_id: UUID, cents: int = 1_000) -> Receipt:
        fields: dict[str, Any] = {"payment_reference": f"PAY-{debt_id.hex}", "amount_cents": cents, "debt_id": debt_id}
        return upstream.submit("permit.confirm_payment", permit_id=permit_id, **fields)

    return send


@pytest.fixture
def move(upstream: Upstream) -> Callable[[UUID, dict[str, str]], None]:
    """Request a change of address with a price."""

    def send(permit_id: UUID, address: dict[str, str]) -> None:
        upstream.applied("permit.change_address", permit_id=permit_id, address=address, zones=["18A"])

    return send


def test_two_equal_debts_on_one_day_are_both_payable(
    upstream: Upstream,
    evidence: Evidence,
    debt: Callable[[UUID], UUID],
    pay: Pay,
    move: Callable[[UUID, dict[str, str]], None],
) -> None:
    permit_id, debts = upstream.lapsed(), set()
    for address in (ELSEWHERE, ADDRESS, ELSEWHERE):
        move(permit_id, address)
        debts.add(debt(permit_id))
        assert pay(permit_id, debt(permit_id)).outcome is Outcome.APPLIED
        (card,) = evidence.space(ANNE).cards
        assert card.address == address["label"]
    assert len(debts) == 3


def test_every_kind_of_debt_keeps_its_id(upstream: Upstream, debt: Callable[[UUID], UUID]) -> None:
    asked, renewing = upstream.request(), upstream.lapsed()
    upstream.applied("permit.renew", permit_id=renewing, years=1)
    assert len({debt(asked), debt(renewing), debt(asked), debt(renewing)}) == 2


def test_a_request_under_review_keeps_its_debt_when_it_is_approved(
    upstream: Upstream, debt: Callable[[UUID], UUID], pay: Pay
) -> None:
    permit_id = upstream.request(verified=UNVERIFIED)
    before = debt(permit_id)
    upstream.applied("permit.decide", permit_id=permit_id, decision="approve")
    assert debt(permit_id) == before
    assert pay(permit_id, before, 4_500).outcome is Outcome.APPLIED


def test_a_payment_for_a_cancelled_change_does_not_pay_the_next(
    upstream: Upstream, debt: Callable[[UUID], UUID], pay: Pay, move: Callable[[UUID, dict[str, str]], None]
) -> None:
    permit_id = upstream.lapsed()
    move(permit_id, ELSEWHERE)
    cancelled = debt(permit_id)
    upstream.applied("permit.cancel", permit_id=permit_id)
    assert pay(permit_id, cancelled).code is RefusalCode.NOT_AWAITING_PAYMENT
    move(permit_id, ELSEWHERE)
    receipt = pay(permit_id, cancelled)
    assert (receipt.code, receipt.field) == (RefusalCode.NOT_AWAITING_PAYMENT, "debt_id")
    assert pay(permit_id, debt(permit_id)).outcome is Outcome.APPLIED


def test_a_debt_is_paid_once_from_two_tabs_or_by_a_replay(
    upstream: Upstream,
    evidence: Evidence,
    debt: Callable[[UUID], UUID],
    pay: Pay,
    move: Callable[[UUID, dict[str, str]], None],
) -> None:
    permit_id = upstream.lapsed()
    move(permit_id, ELSEWHERE)
    owed = debt(permit_id)
    assert pay(permit_id, owed).outcome is Outcome.APPLIED
    before = evidence.truth()
    for _ in range(2):
        receipt = pay(permit_id, owed)
        assert (receipt.code, receipt.field) == (RefusalCode.PAYMENT_ALREADY_CONFIRMED, "payment_reference")
    assert evidence.truth() == before


def test_a_payment_without_a_debt_id_pays_the_pending_change(
    upstream: Upstream, move: Callable[[UUID, dict[str, str]], None]
) -> None:
    permit_id = upstream.lapsed()
    move(permit_id, ELSEWHERE)
    paid: dict[str, Any] = {"payment_reference": "TRANSFER-1", "amount_cents": 1_000}
    upstream.applied("permit.confirm_payment", permit_id=permit_id, **paid)
