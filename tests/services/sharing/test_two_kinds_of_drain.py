"""The urgent drain and a provider's own one at the same shares: leases hold between them, in one transaction too."""

from collections.abc import Callable
from typing import Any

import pytest

from integrations.memory import InMemory
from schemas.events import EventType
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, EVERYONE, Upstream
from worker.domain.sharing import RequestOutcome, Result, Urgency
from worker.hub import Hub
from worker.services.sharing.claim import claim, claim_urgent
from worker.services.sharing.lane import Lane
from worker.services.sharing.record import record

TAKEN_BY_BOTH = "easypark"
ROOM = dict.fromkeys(EVERYONE, 4)


@pytest.fixture
def lanes(quick: Hub, twins: dict[str, InMemory]) -> dict[str, Lane]:
    return {name: lane_of(quick, twins[name]) for name in EVERYONE}


@pytest.fixture
def withdrawn(upstream: Upstream, deliver: Callable[..., bool]) -> None:
    """Have Anne share a permit with all providers, and then withdraw."""
    upstream.active()
    upstream.allow()
    deliver()
    upstream.refuse()


def shares(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Return the shares of the one permit, by provider."""
    return evidence.shares(evidence.value("SELECT permit_id FROM permits"))


@pytest.mark.usefixtures("withdrawn")
def test_the_urgent_drain_leaves_what_a_providers_own_one_has_claimed(quick: Hub, lanes: dict[str, Lane]) -> None:
    own, *_ = claim(lanes[TAKEN_BY_BOTH], 4, Urgency.ROUTINE, quick.today())
    assert [claimed.removal for claimed in own] == [True]
    urgent, _ = claim_urgent(quick, lanes, ROOM, quick.today())
    assert {claimed.key.provider for claimed in urgent} == set(EVERYONE) - {TAKEN_BY_BOTH}


@pytest.mark.usefixtures("withdrawn")
def test_a_record_of_several_providers_confirms_all_but_the_one_whose_lease_was_lost(
    quick: Hub, lanes: dict[str, Lane], evidence: Evidence
) -> None:
    urgent, _ = claim_urgent(quick, lanes, ROOM, quick.today())
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET lease_until = now() WHERE provider = %s", [TAKEN_BY_BOTH])
    (own,), *_ = claim(lanes[TAKEN_BY_BOTH], 4, Urgency.ROUTINE, quick.today())
    record(quick, lanes, [(claimed, Result(RequestOutcome.CONFIRMED)) for claimed in urgent], quick.today())
    found = shares(evidence)
    assert {name for name, share in found.items() if share["holds"] is False} == set(EVERYONE) - {TAKEN_BY_BOTH}
    lost = found[TAKEN_BY_BOTH]
    assert (lost["holds"], lost["lease_id"], lost["confirmed_hash"]) == (None, str(own.lease_id), None)
    *_, confirmed = evidence.told(ANNE)
    assert confirmed.type is EventType.SHARES_CONFIRMED
    assert {share.provider for share in confirmed.data.shares} == set(EVERYONE) - {TAKEN_BY_BOTH}
