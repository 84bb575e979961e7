"""An unclear removal can bring no data back: the next confirmed removal is published at once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from integrations.memory import InMemory
from integrations.sandbox.misbehaviour import Kind
from schemas.events import EventType
from schemas.space import HeldState
from tests.conftest import Sandbox
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.sharing.test_leaks import Delivery, writes
from tests.services.upstream import ANNE, Upstream
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.sharing.claim import claim

PROVIDER = "easypark"
Told = Callable[[], tuple[list[bool], HeldState]]
SETTLE_SECONDS = 60.0  # far longer than a test


@pytest.fixture
def delivery(
    hub: Hub, sandbox: Sandbox, upstream: Upstream, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> Delivery:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    limits = {"request_seconds": 3.0, "settle_seconds": SETTLE_SECONDS}
    patient = replace(hub, settings=hub.settings.model_copy(update=limits))
    return Delivery(PROVIDER, patient, sandbox, upstream, evidence)


@pytest.fixture
def told(evidence: Evidence) -> Told:
    """Return the provider's events so far, and its state in the space."""

    def told() -> tuple[list[bool], HeldState]:
        events = [event for event in evidence.told(ANNE) if event.type is EventType.SHARES_CONFIRMED]
        confirmed = [one.held for event in events for one in event.data.shares if one.provider == PROVIDER]
        (state,) = (one.state for one in evidence.screen(ANNE).consent.providers if one.provider == PROVIDER)
        return confirmed, state

    return told


@pytest.fixture
def retry(delivery: Delivery, evidence: Evidence) -> Callable[[], None]:
    """Drain, after the wait that follows a failure; T is not over."""

    def retry() -> None:
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET due_at = now() WHERE failures > 0")
            connection.execute("UPDATE providers SET held_until = NULL")
        delivery.drain()

    return retry


@pytest.fixture
def pass_t(evidence: Evidence) -> Callable[[], None]:
    """Let T pass."""

    def pass_t() -> None:
        columns = ("due_at", "unsettled_until", "stray_put_until")
        moved = ", ".join(f"{column} = {column} - interval '{SETTLE_SECONDS} s'" for column in columns)
        with evidence.database.connect() as connection:
            connection.execute(f"UPDATE shares SET {moved}")

    return pass_t


@pytest.mark.parametrize("kind", [Kind.DOWN, Kind.ERROR_AFTER, Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.HANG])
def test_a_removal_after_an_unclear_removal_is_published_at_its_first_confirmation(
    delivery: Delivery, told: Told, retry: Callable[[], None], kind: Kind
) -> None:
    permit_id = delivery.share()
    delivery.drain()
    assert told() == ([True], HeldState.HELD)
    delivery.control.misbehave(PROVIDER, kind, method="DELETE")
    delivery.withdraw(permit_id)
    delivery.drain()
    retry()
    assert told() == ([True], HeldState.REMOVING)
    delivery.control.behave(PROVIDER)
    retry()
    assert delivery.plates() == []
    assert told() == ([True, False], HeldState.REMOVED)


def test_data_allowed_again_shows_as_sending_until_the_stray_removal_is_settled(
    delivery: Delivery,
    told: Told,
    retry: Callable[[], None],
    pass_t: Callable[[], None],
    evidence: Evidence,
) -> None:
    permit_id = delivery.share()
    delivery.drain()
    delivery.control.misbehave(PROVIDER, Kind.DOWN, count=1, method="DELETE")
    delivery.withdraw(permit_id)
    delivery.drain()
    retry()
    assert delivery.upstream.allow(seen=2).outcome == "applied"
    delivery.drain()
    assert delivery.plates() == ["AA111AA"]
    assert told() == ([True, False], HeldState.SENDING)
    (reference,) = delivery.control.held(PROVIDER)
    delivery.control.drop(PROVIDER, reference)  # the removal arrives after all
    delivery.drain()
    assert delivery.plates() == []
    pass_t()
    delivery.drain()
    assert delivery.plates() == ["AA111AA"]
    assert told() == ([True, False, True], HeldState.HELD)


def test_a_removal_is_published_even_if_a_worker_died_with_the_earlier_one(
    delivery: Delivery, told: Told, evidence: Evidence, hub: Hub
) -> None:
    permit_id = delivery.share()
    delivery.drain()
    delivery.withdraw(permit_id)
    claimed, *_ = claim(lane_of(delivery.hub, InMemory(PROVIDER)), 1, Urgency.ROUTINE, hub.today())
    assert claimed
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET lease_until = now() WHERE lease_id IS NOT NULL")
    delivery.drain()
    assert told() == ([True, False], HeldState.REMOVED)


def test_a_removal_waits_for_an_unclear_put_despite_later_unclear_removals(
    delivery: Delivery,
    told: Told,
    retry: Callable[[], None],
    pass_t: Callable[[], None],
) -> None:
    permit_id = delivery.share()
    delivery.control.misbehave(PROVIDER, Kind.RESET_AFTER, count=1, method="POST", path=writes(PROVIDER))
    delivery.drain()
    delivery.control.misbehave(PROVIDER, Kind.DOWN, count=2, method="DELETE")
    delivery.withdraw(permit_id)
    delivery.drain()
    retry()
    retry()
    assert delivery.plates() == []
    assert told() == ([], HeldState.REMOVING)
    pass_t()
    delivery.drain()
    assert told() == ([False], HeldState.REMOVED)
