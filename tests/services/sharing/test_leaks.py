"""What each provider holds in the end, through the whole engine and over real HTTP(S) to its sandbox."""

import asyncio
from os.path import commonpath
from uuid import UUID

import pytest

from integrations import registry
from integrations.contracts import read
from integrations.sandbox.misbehaviour import Kind
from tests.conftest import Sandbox
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, Upstream
from tests.support.waiting import eventually
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.sharing.claim import claim
from worker.services.sharing.drain import Drain
from worker.services.sharing.exchange import exchange

PATIENCE = 40  # drains, each after all waits have run out


class Delivery:
    """One provider's lane, the sandbox behind it, and a permit that it is to hold."""

    def __init__(self, name: str, hub: Hub, sandbox: Sandbox, upstream: Upstream, evidence: Evidence) -> None:
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
        """Claim and send, as a worker does that is then killed."""

        async def send() -> None:
            access = registry.access(self.name)
            adapter = registry.adapter(self.name, access, zone=self.hub.zone, connections=4)
            claimed, *_ = claim(lane_of(self.hub, adapter), 10, Urgency.ROUTINE, self.hub.today())
            assert claimed
            await exchange(adapter, claimed[:1], asyncio.get_running_loop().time() + 3)
            await adapter.aclose()

        asyncio.run(send())

    def until_held(self, plates: list[str]) -> None:
        """Wait until the sandbox holds these plates: some providers are slow."""
        eventually(self.plates, equals=plates)

    def settle(self) -> None:
        """Drain until nothing is pending, letting all waits run out."""
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
        """Return the plates that the sandbox holds."""
        return [record.plate for record in self.control.held(self.name).values()]

    def share(self) -> UUID:
        """Change the truth so that the provider is to hold a permit."""
        permit_id = self.upstream.active(plate={"raw": "AA-111-AA"})
        self.upstream.allow()
        return permit_id

    def withdraw(self, permit_id: UUID) -> None:
        """Change the truth so that it is to hold nothing."""
        if self.name in self.hub.public_task:  # consent does not apply to it
            self.upstream.applied("resident.erase", ANNE)
        else:
            self.upstream.refuse()

    def lose_answers_to_writes(self) -> None:
        """Have the next write applied and its answer lost; requests for tokens succeed."""
        for method in ("POST", "PUT", "DELETE"):
            self.control.misbehave(self.name, Kind.RESET_AFTER, count=1, method=method, path=writes(self.name))


def writes(provider: str) -> str:
    """Return the address prefixes of a provider's operations that change data."""
    contract = read(provider)
    writing = [*contract.operations_of(contract.support.put), *contract.operations_of(contract.support.removal)]
    return commonpath([operation.path.partition("{")[0] for operation in writing])


@pytest.fixture(params=registry.ADAPTERS)
def delivery(
    request: pytest.FixtureRequest,
    quick: Hub,
    sandbox: Sandbox,
    upstream: Upstream,
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
) -> Delivery:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return Delivery(request.param, quick, sandbox, upstream, evidence)


def test_a_withdrawal_removes_data_put_by_a_dead_worker(delivery: Delivery) -> None:
    permit_id = delivery.share()
    delivery.die_before_recording()
    delivery.until_held(["AA111AA"])
    delivery.withdraw(permit_id)
    delivery.settle()
    assert delivery.plates() == []


def test_a_plate_changed_forth_and_back_over_a_lost_answer_ends_with_the_first(delivery: Delivery) -> None:
    permit_id = delivery.share()
    delivery.settle()
    delivery.lose_answers_to_writes()
    delivery.upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "BB-222-BB"})
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
def test_after_any_misbehaviour_providers_hold_the_truth_and_then_nothing(delivery: Delivery, kind: Kind) -> None:
    delivery.control.misbehave(delivery.name, kind, count=2)
    permit_id = delivery.share()
    delivery.settle()
    assert delivery.plates() == ["AA111AA"]
    delivery.control.misbehave(delivery.name, kind, count=2)
    delivery.withdraw(permit_id)
    delivery.settle()
    assert delivery.plates() == []
    assert delivery.evidence.value("SELECT count(*) FROM shares WHERE parked IS NOT NULL") == 0
