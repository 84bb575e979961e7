"""A provider that leaves the settings for a while: nothing fails, and its data is corrected on its return."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from integrations.memory import InMemory
from schemas.receipts import Outcome
from tests.services.hubs import Deliver
from tests.services.upstream import ANNE, Upstream
from worker.hub import Hub

PROVIDER = "easypark"


@pytest.fixture
def without(hub: Hub, today: date) -> Upstream:
    """Return an upstream whose hub does not know the provider, as after a restart with other settings."""

    def refuse_unknown(name: str) -> None:
        assert name != PROVIDER, "there is no such queue"

    known = {name: one for name, one in hub.capabilities.items() if name != PROVIDER}
    return Upstream(replace(hub, capabilities=known, send_wake_up=refuse_unknown), today)


@pytest.fixture
def shared(upstream: Upstream, deliver: Deliver) -> UUID:
    permit_id = upstream.active()
    upstream.allow()
    deliver()
    return permit_id


def test_a_refusal_naming_a_dropped_provider_waits_for_its_return(
    shared: UUID, without: Upstream, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    assert without.refuse(ANNE).outcome is Outcome.APPLIED
    deliver()
    assert not twins[PROVIDER].held


def test_changes_during_a_providers_absence_are_sent_on_its_return(
    shared: UUID, without: Upstream, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    before = dict(twins[PROVIDER].held)
    without.applied("permit.change_vehicle", permit_id=shared, plate={"raw": without.plate()})
    deliver()
    assert twins[PROVIDER].held.keys() == before.keys()
    assert twins[PROVIDER].held != before
