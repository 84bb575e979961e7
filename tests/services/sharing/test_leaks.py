"""What each provider really holds in the end, through the whole engine and over real HTTP(S) to its sandbox."""

import asyncio
from os.path import commonpath
from uuid import UUID

import pytest

from integrations import registry
from integrations.contracts import read
from integrations.sandbox.misbehaviour import Kind
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE
from tests.support.waiting import eventually
from worker.domain.sharing import Urgency
from worker.services.sharing.claim import claim
from worker.services.sharing.drain import Drain
from worker.services.sharing.exchange import exchange

PATIENCE = 40  # drains, each after all waiting times have passed


class Delivery:
    """One provider's lane, the sandbox behind it, and a permit that it is to hold."""

    def __init__(self, name, hub, sandbox, upstream, evidence) -> None:
        self.name, self.hub, self.control = name, hub, sandbox.control
        self.upstream, self.evidence = upstream, evidence

    def drain(self) -> None:
        """Drain once, as a worker's process does."""

        async def once() -> None:
            access = registry.access(self.name)
            adapter = registry.adapter(self.name, access, zone=self.hub.zone, connections=4)
            try:
                await Drain(lane_of(self.hub, adapter), self.hub.today).run()
            finally:
                await adapter.aclose()

        asyncio.run(once())

    def die_before_recording(self) -> None:
        """Claim and send, as a worker does that is killed then."""

        async def send() -> None:
            access = registry.access(self.name)
            adapter = registry.adapter(self.name, access, zone=self.hub.zone, connections=4)
            claimed, _ = claim(lane_of(self.hub, adapter), 10, Urgency.ROUTINE, self.hub.today())
            assert claimed
            await exchange(adapter, claimed[:1], asyncio.get_running_loop().time() + 3)
            await adapter.aclose()

        asyncio.run(send())

    def until_held(self, plates: list[str]) -> None:
        """Wait until the sandbox holds these plates: some providers take their time."""
        eventually(self.plates, equals=plates)

    def settle(self) -> None:
        """Drain until nothing is pending, letting all waiting times pass."""
        pending = "SELECT count(*) FROM shares WHERE provider = %s AND confirmed_version < wanted_version"
        for _ in range(PATIENCE):
            if not self.evidence.value(pending, self.name):
                return
            with self.evidence.database.connect() as connection:
                connection.execute("UPDATE shares SET due_at = now(), lease_until = least(lease_until, now())")
                connection.execute("UPDATE shares SET unsettled_until = now() WHERE unsettled_until IS NOT NULL")
                connection.execute("UPDATE shares SET stray_put_until = now() WHERE stray_put_until IS NOT NULL")
                connection.execute("UPDATE providers SET breaker = 'closed', probe_at = NULL, held_until = NULL")
            self.drain()
        raise AssertionError("it did not come to rest")

    def plates(self) -> list[str]:
        """Ask the sandbox which plates it holds."""
        return [record.plate for record in self.control.held(self.name).values()]

    def share(self) -> UUID:
        """Have the truth want the provider to hold a permit."""
        permit_id = self.upstream.active(plate={"raw": "AA-111-AA"})
        self.upstream.allow()
        return permit_id

    def withdraw(self, permit_id: UUID) -> None:
        """Have the truth want it to hold nothing."""
        if self.name in self.hub.public_task:  # which no consent is about
            self.upstream.applied("resident.erase", ANNE)
        else:
            self.upstream.refuse()

    def lose_answers_to_writes(self) -> None:
        """Have the next write be applied and its answer lost; tokens are got without a fault."""
        for method in ("POST", "PUT", "DELETE"):
            self.control.misbehave(self.name, Kind.RESET_AFTER, count=1, method=method, path=writes(self.name))


def writes(provider) -> str:
    """Return where a provider takes what changes something: how the addresses of these operations begin."""
    contract = read(provider)
    writing = [*contract.operations_of(contract.support.put), *contract.operations_of(contract.support.removal)]
    return commonpath([operation.path.partition("{")[0] for operation in writing])


@pytest.fixture(params=registry.ADAPTERS)
def delivery(request, quick, sandbox, upstream, evidence, monkeypatch):
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Delivery(request.param, quick, sandbox, upstream, evidence)


def test_what_was_put_by_a_worker_that_died_is_gone_once_it_is_withdrawn(delivery):
    permit_id = delivery.share()
    delivery.die_before_recording()
    delivery.until_held(["AA111AA"])
    delivery.withdraw(permit_id)
    delivery.settle()
    assert delivery.plates() == []


def test_a_then_b_with_a_lost_answer_then_a_again_ends_with_a(delivery):
    permit_id = delivery.share()
    delivery.settle()
    delivery.lose_answers_to_writes()
    vehicle = {"permit_id": permit_id, "plate": {"raw": "BB-222-BB"}}
    delivery.upstream.applied("permit.change_vehicle", **vehicle)
    delivery.drain()
    delivery.upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "AA-111-AA"})
    delivery.control.behave(delivery.name)
    delivery.settle()
    assert delivery.plates() == ["AA111AA"]


@pytest.mark.parametrize(
    "kind",
    [
        Kind.DOWN,
        Kind.THROTTLED,
        Kind.ERROR_BEFORE,
        Kind.ERROR_AFTER,
        Kind.RESET_BEFORE,
        Kind.RESET_AFTER,
        Kind.HTML,
        Kind.TRUNCATED,
        Kind.LARGE,
        Kind.REDIRECT,
        Kind.HANG,
    ],
)
def test_whatever_goes_wrong_the_truth_is_held_and_then_gone(delivery, kind):
    delivery.control.misbehave(delivery.name, kind, count=2)
    permit_id = delivery.share()
    delivery.settle()
    assert delivery.plates() == ["AA111AA"]
    delivery.control.misbehave(delivery.name, kind, count=2)
    delivery.withdraw(permit_id)
    delivery.settle()
    assert delivery.plates() == []
    assert delivery.evidence.value("SELECT count(*) FROM shares WHERE parked IS NOT NULL") == 0
