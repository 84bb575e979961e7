"""The first load of a provider that batches first puts: full requests, within the rate limit."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from integrations import registry
from integrations.base import Limit
from integrations.errors import FailureCode, UnclearError
from integrations.memory import Fault, InMemory
from tests.conftest import Sandbox
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, Upstream
from tests.support.waiting import eventually
from worker.domain.breaker import FAILURES_TO_OPEN
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.sharing.claim import ROWS_AT_ONCE, claim
from worker.services.sharing.drain import Drain

CITY = "city_hub"
PERMITS = 1_000
BULK = "/permit/"


@pytest.fixture
def fill(evidence: Evidence, upstream: Upstream) -> Callable[[int], None]:
    def fill(count: int) -> None:
        upstream.take_over(*(upstream.row() for _ in range(count)))

    return fill


@pytest.mark.parametrize("limits", [(Limit(60, 1.0),), (Limit(600, 60.0), Limit(30, 1.0)), ()], ids=str)
def test_a_first_load_of_a_thousand_permits_takes_about_ten_requests(
    fill: Callable[[int], None],
    hub: Hub,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    evidence: Evidence,
    limits: tuple[Limit, ...],
) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    fill(PERMITS)
    hub = replace(hub, settings=hub.settings.model_copy(update={"request_seconds": 30.0}))  # also on a busy machine
    with asyncio.Runner() as runner:
        adapter = registry.adapter(CITY, registry.access(CITY), zone=hub.zone, connections=8)
        lane = lane_of(hub, adapter, *limits)
        try:
            eventually(lambda: not runner.run(Drain(lane, hub.today).run()))
        finally:
            runner.run(adapter.aclose())
    assert len(sandbox.control.held(CITY)) == PERMITS
    sent = [request for request in sandbox.control.requests(CITY) if request.method == "POST"]
    bulk = [request for request in sent if request.path == BULK]
    assert 10 <= len(bulk) <= 14
    assert evidence.value("SELECT count(*) FROM disclosure_outcomes WHERE outcome <> 'confirmed'") == 0
    assert evidence.screen(ANNE).public_task[0].state == "held"


def test_changes_that_cannot_share_a_request_stay_within_the_granted_requests(
    fill: Callable[[int], None], hub: Hub, twins: dict[str, InMemory], evidence: Evidence, upstream: Upstream
) -> None:
    fill(40)
    with evidence.database.connect() as connection:  # these were sent before: each goes alone
        connection.execute("UPDATE shares SET requests = 1 WHERE provider = %s", [CITY])
    limited = lane_of(hub, twins[CITY], Limit(100, 1_000.0))
    asyncio.run(Drain(limited, hub.today).run())
    assert len(twins[CITY].calls) == 5  # a tenth of the limit at once, half of it kept
    assert evidence.value("SELECT count(*) FROM shares WHERE provider = %s AND lease_id IS NOT NULL", CITY) == 0


def test_a_failed_batch_counts_once_for_the_breaker(
    fill: Callable[[int], None], hub: Hub, twins: dict[str, InMemory], evidence: Evidence
) -> None:
    fill(60)
    twin = twins[CITY]
    lane = lane_of(hub, twin)
    for failed, breaker in enumerate(["closed"] * (FAILURES_TO_OPEN - 1) + ["open"], 1):
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET requests = 0, due_at = now() WHERE provider = %s", [CITY])
        twin.fail(Fault(UnclearError(CITY, FailureCode.SERVER_ERROR, status=500)))
        asyncio.run(Drain(lane, hub.today).run())
        assert len(twin.calls) == 60 * failed
        assert evidence.query("SELECT breaker FROM providers WHERE provider = %s", CITY) in ([(breaker,)], [])


def test_a_claim_takes_no_more_than_fits_its_lease(
    fill: Callable[[int], None], hub: Hub, twins: dict[str, InMemory]
) -> None:
    fill(ROWS_AT_ONCE + 100)
    claimed, more, _ = claim(lane_of(hub, twins[CITY]), 28, Urgency.ROUTINE, hub.today())
    assert (len(claimed), more) == (ROWS_AT_ONCE, True)


def test_single_changes_among_first_puts_take_the_remaining_requests(
    fill: Callable[[int], None], hub: Hub, twins: dict[str, InMemory], evidence: Evidence
) -> None:
    fill(60)
    with evidence.database.connect() as connection:  # every other one was sent before
        connection.execute("""
            UPDATE shares SET requests = 1 FROM (
                SELECT permit_id, row_number() OVER () AS number FROM shares WHERE provider = 'city_hub'
            ) numbered WHERE shares.permit_id = numbered.permit_id AND provider = 'city_hub' AND number % 2 = 0
        """)
    claimed, more, _ = claim(lane_of(hub, twins[CITY]), 5, Urgency.ROUTINE, hub.today())
    first = sum(one.change.version == 1 for one in claimed)
    assert (first, len(claimed) - first, more) == (30, 4, True)
