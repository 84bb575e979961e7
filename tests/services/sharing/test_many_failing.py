"""After a long outage, a closed breaker releases its shares in slices, so that none waits for all."""

from datetime import date, timedelta

import pytest

from tests.services.evidence import Evidence
from tests.support.waiting import eventually
from worker.db.engine import transact
from worker.db.sharing import providers
from worker.hub import Hub
from worker.services.clock.sweep import sweep
from worker.services.sharing.release import SLICES, begin, release_first, release_next

PROVIDER = "easypark"
FAILING = 3_010
FILL = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, urgency, due_at, claimed_version,
        failures, failing_since, failed_at)
    SELECT gen_random_uuid(), %s, 1, 0, i %% 3, now() + interval '1 hour', 1, 1, now(), now()
    FROM generate_series(1, %s) i
"""
WAITING = "SELECT count(*) FROM shares WHERE due_at > now()"


@pytest.fixture
def opened(hub: Hub, evidence: Evidence) -> None:
    with evidence.database.connect() as connection:
        connection.execute(FILL, [PROVIDER, FAILING])
    transact(hub.engine, lambda db: providers.open_breaker(db, PROVIDER, timedelta(0)))


def test_a_closed_breaker_releases_urgent_shares_first_and_sweeps_release_the_others(
    opened: None, hub: Hub, evidence: Evidence, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SLICES, "most", 400)
    transact(hub.engine, lambda db: providers.close_breaker(db, PROVIDER))
    assert evidence.value(WAITING) == FAILING
    while evidence.value(WAITING + " AND urgency = 0"):
        before = evidence.value(WAITING)
        assert release_next(hub, PROVIDER)
        assert evidence.value(WAITING) < before
        assert evidence.value(WAITING + " AND urgency = 2") == FAILING // 3

    def waiting_after_a_sweep() -> int:
        sweep(hub, today)
        return int(evidence.value(WAITING))

    eventually(waiting_after_a_sweep, equals=0)
    assert transact(hub.engine, providers.releasing) == []


def test_a_closed_breaker_wakes_its_lane_which_releases_a_first_slice(
    opened: None, hub: Hub, evidence: Evidence, wake_ups: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A withdrawal may wait for what closed it: nothing is released there."""
    monkeypatch.setattr(SLICES, "most", 400)
    transact(hub.engine, lambda db: providers.close_breaker(db, PROVIDER))
    begin(hub, PROVIDER)
    assert wake_ups == [PROVIDER]
    assert evidence.value(WAITING) == FAILING
    release_first(hub, PROVIDER)
    assert FAILING - 400 <= evidence.value(WAITING) < FAILING


def test_nothing_is_released_while_the_breaker_is_open(opened: None, hub: Hub, evidence: Evidence) -> None:
    assert not release_next(hub, PROVIDER)
    assert evidence.value(WAITING) == FAILING


def test_a_share_that_fails_after_the_breaker_closed_waits_its_retry(
    opened: None, hub: Hub, evidence: Evidence, today: date
) -> None:
    transact(hub.engine, lambda db: providers.close_breaker(db, PROVIDER))
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET due_at = now() + interval '1 hour', failed_at = clock_timestamp()")
    sweep(hub, today)
    assert evidence.value(WAITING) == FAILING
