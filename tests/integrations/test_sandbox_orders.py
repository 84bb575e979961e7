"""Orders to misbehave: their scope, count and duration, and invalid ones."""

from uuid import UUID, uuid4

import httpx
import pytest

from integrations.sandbox.misbehaviour import Kind
from tests.integrations.reading import ask, put
from tests.integrations.toys import Served
from tests.support.waiting import eventually


@pytest.mark.parametrize(("provider", "kind"), [("plain", Kind.EXPIRED_CERTIFICATE), ("plain", Kind.LATE_OPERATION)])
def test_an_order_beyond_a_providers_capabilities_is_refused(toys: Served, provider: str, kind: Kind) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        toys.control.misbehave(provider, kind)


def test_an_order_can_apply_to_a_part_of_the_requests(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, rate=0.25, method="PUT")

    assert [put(toys, reference).status for _ in range(8)] == [200, 200, 200, 503] * 2
    assert [ask(toys, "DELETE", f"/things/{reference}").status for _ in range(4)] == [204] * 4
    toys.control.behave("plain")
    assert [put(toys, reference).status for _ in range(4)] == [200] * 4


def test_an_order_can_apply_to_requests_below_a_path(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, path="/token")

    assert put(toys, reference).status == 200
    assert ask(toys, "POST", "/token").status == 503


def test_orders_are_followed_in_sequence(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, count=1)
    toys.control.misbehave("plain", Kind.THROTTLED, count=1)

    assert [put(toys, reference).status for _ in range(3)] == [503, 429, 200]


def test_an_order_can_end_by_itself(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.DOWN, seconds=0.1)

    assert put(toys, reference).status == 503
    eventually(lambda: put(toys, reference).status, equals=200)


def test_a_reset_drops_late_requests(toys: Served, reference: UUID) -> None:
    toys.control.misbehave("plain", Kind.LATE, count=1, delay_ms=50)
    put(toys, reference)
    toys.control.reset("plain")

    toys.control.misbehave("plain", Kind.SLOW, count=1, delay_ms=100)
    later = uuid4()
    put(toys, later)

    assert toys.control.held("plain").keys() == {later}


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "sulk"},
        {"kind": "down", "rate": 2},
        {"kind": "down", "count": 0},
        {"kind": "down", "often": 1},
        [],
        {"kind": []},
        {"kind": "down", "method": "FETCH"},
        {"kind": "down", "path": "token"},
        {"kind": "down", "retry_after": 3},
    ],
)
def test_an_invalid_order_is_refused(toys: Served, order: object) -> None:
    answer = httpx.post(f"{toys.addresses.plain}/_control/plain/misbehave", json=order)

    assert answer.status_code == 400
    assert answer.json()["problem"]
