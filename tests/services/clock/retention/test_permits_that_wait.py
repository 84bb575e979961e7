"""A permit is not anonymised while a provider may hold it, and it delays no other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from integrations.memory import InMemory
from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.kept import DAY, after, plates
from tests.services.upstream import ANNE, BOB, CITY, UNVERIFIED, Upstream
from tests.support.waiting import eventually
from worker.db.clock import retention as rows
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.clock.advance import advance
from worker.services.clock.retention import purge

SHARE = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, holds, urgency, due_at, claimed_version,
        failures)
    VALUES (%s, %s, 1, 1, %s, 2, now(), 1, 0) RETURNING 1
"""


@pytest.mark.parametrize("state", ["holds = true", "holds = NULL", "wanted_version = wanted_version + 1"])
def test_a_permit_is_not_anonymised_while_a_provider_may_hold_it(
    hub: Hub,
    upstream: Upstream,
    evidence: Evidence,
    deliver: Deliver,
    twins: dict[str, InMemory],
    today: date,
    state: str,
) -> None:
    upstream.allow()
    upstream.active()
    deliver()
    lapse = evidence.last_day(ANNE) + DAY
    advance(hub, lapse)
    evidence.query("UPDATE shares SET holds = false, confirmed_version = wanted_version RETURNING 1")
    evidence.query(f"UPDATE shares SET {state} WHERE provider = %s RETURNING 1", CITY)
    purge(hub, after(lapse, 12))
    assert evidence.screen(ANNE).cards
    evidence.query("UPDATE shares SET holds = false, confirmed_version = wanted_version RETURNING 1")
    purge(hub, after(lapse, 12))
    assert evidence.space(ANNE).cards == ()


@pytest.mark.parametrize(
    "meanwhile",
    ["UPDATE shares SET holds = NULL", "UPDATE permits SET over_on = over_on + 300", "UPDATE permits SET pending = %s"],
    ids=["held", "renewed", "to be renewed"],
)
def test_a_change_between_finding_and_anonymising_counts(
    hub: Hub, database: Database, evidence: Evidence, lapsed: UUID, forgetting: date, meanwhile: str
) -> None:
    evidence.query(SHARE, lapsed, "easypark", False)
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    pending = '{"kind": "new_term", "years": 1, "price_cents": 4500, "pay_by": "2999-01-01"}'
    with ThreadPoolExecutor(1) as other, database.connect() as db:
        with db.transaction():
            db.execute("SELECT FROM residents FOR UPDATE")
            purging = other.submit(purge, hub, forgetting)
            eventually(lambda: evidence.query(waiting))
            db.execute(meanwhile, [pending] if "%s" in meanwhile else [])
        purging.result()
    assert plates(evidence, lapsed) == ["EF-367-QS"]


def test_held_permits_are_not_read_again_by_each_purge(hub: Hub, evidence: Evidence, lapsed: UUID, today: date) -> None:
    found = transact(hub.engine, lambda db: rows.next_due(db, today, None, 10))
    assert found == ([ANNE], (today - DAY, lapsed))
    evidence.query(SHARE, lapsed, "easypark", None)
    assert transact(hub.engine, lambda db: rows.next_due(db, today, None, 10)) == ([], (today - DAY, lapsed))
    assert transact(hub.engine, lambda db: rows.next_due(db, today, found[1], 10)) == ([], None)


def test_a_waiting_permit_does_not_delay_the_next(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.db.clock.retention.EXAMINED_ROWS", 1)
    terms = [{"first_day": upstream.day(-99), "last_day": upstream.day(-9)}]
    held, free = (upstream.row(name, terms=terms) for name in (ANNE, BOB))
    upstream.take_over(held, free)
    evidence.query(SHARE, held["permit_id"], "gone", True)
    purge(hub, today + DAY * 400)
    assert evidence.query("SELECT permit_id FROM plate_assignments") == [(UUID(held["permit_id"]),)]


def test_a_failing_resident_does_not_delay_the_next(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, forgetting: date
) -> None:
    wrong, _ = (upstream.lapsed(resident) for resident in (ANNE, BOB))
    evidence.query("UPDATE permits SET status = 'active', verified = '[1]' WHERE permit_id = %s RETURNING 1", wrong)
    with capture_logs() as logs:
        purge(hub, forgetting)
    assert evidence.query("SELECT permit_id FROM plate_assignments") == [(wrong,)]
    assert [entry["resident"] for entry in logs if entry["event"] == "retention.not_anonymised"] == [ANNE]


@pytest.mark.parametrize("wish", [{"profile": "low_emission", "years": 3}, {"verified": UNVERIFIED}])
def test_an_open_permit_is_kept_even_if_its_closing_day_is_set(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, wish: dict[str, Any]
) -> None:
    permit_id = upstream.request(**wish)
    evidence.query("UPDATE permits SET over_on = %s, pending = NULL RETURNING 1", today - DAY * 4_000)
    evidence.query("UPDATE shares SET holds = false, confirmed_version = wanted_version RETURNING 1")
    purge(hub, today)
    assert len(plates(evidence, permit_id)) == 1
