"""Work that waits too long is found with its kind, count and age, until it is done."""

from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from tests.services.dying import DiedError
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.upstream import ANNE, BOB, CITY, UNVERIFIED, Upstream
from worker.db.clock import stuck
from worker.db.clock.stuck import Kind
from worker.db.engine import transact
from worker.db.sharing import providers, reconciliations
from worker.domain.terms import add_months
from worker.hub import Hub
from worker.services.clock.advance import advance
from worker.services.clock.retention import purge
from worker.services.clock.stuck import query, watch
from worker.services.clock.sweep import sweep

DAY = timedelta(days=1)
EASYPARK = "provider = 'easypark'"


class Find(Protocol):
    def __call__(self, day: date = ...) -> list[tuple[Kind, str | None, int]]: ...


@pytest.fixture
def found(hub: Hub, today: date) -> Find:
    """Return the stuck work of today, or of another day, as kind, provider and count."""

    def found(day: date = today) -> list[tuple[Kind, str | None, int]]:
        return [(one.kind, one.provider, one.count) for one in watch(hub, day)]

    return found


@pytest.fixture
def shared(upstream: Upstream, deliver: Deliver) -> UUID:
    """Return a permit that every provider holds as wanted."""
    upstream.allow()
    permit_id = upstream.active()
    deliver()
    return permit_id


class Age(Protocol):
    def __call__(self, table: str, change: str, where: str = ...) -> None: ...


@pytest.fixture
def age(evidence: Evidence) -> Age:
    def age(table: str, change: str, where: str = "true") -> None:
        """Let time pass for some rows."""
        assert evidence.query(f"UPDATE {table} SET {change} WHERE {where} RETURNING 1")

    return age


def test_nothing_is_stuck_once_all_work_is_done(found: Find, shared: UUID, hub: Hub, today: date) -> None:
    sweep(hub, today)
    assert found() == []


def test_a_withdrawal_is_stuck_after_five_minutes_of_waiting(
    found: Find, shared: UUID, upstream: Upstream, age: Age, deliver: Deliver
) -> None:
    upstream.refuse()
    age("shares", "due_at = now() - interval '4 minutes'", "urgency = 0")
    assert found() == []
    age("shares", "due_at = now() - interval '6 minutes'", f"urgency = 0 AND {EASYPARK}")
    assert found() == [(Kind.CONSENT, "easypark", 1)]
    deliver()
    assert found() == []


def test_failed_attempts_do_not_hide_a_stuck_withdrawal(
    found: Find, shared: UUID, upstream: Upstream, age: Age
) -> None:
    upstream.refuse()
    age("shares", "due_at = now() + interval '9 minutes', failing_since = now() - interval '6 minutes'", EASYPARK)
    assert found() == [(Kind.CONSENT, "easypark", 1)]


def test_any_other_share_is_stuck_after_an_hour(
    found: Find, shared: UUID, upstream: Upstream, age: Age, deliver: Deliver
) -> None:
    upstream.applied("permit.change_vehicle", permit_id=shared, plate={"raw": "ZZ-999-ZZ"})
    age("shares", "due_at = now() - interval '59 minutes'")
    assert found() == []
    age("shares", "due_at = now() - interval '61 minutes'", f"{EASYPARK} OR provider = '{CITY}'")
    assert found() == [(Kind.SHARES, CITY, 1), (Kind.SHARES, "easypark", 1)]
    deliver()
    assert found() == []


@pytest.mark.parametrize("why", ["paused_at = now()", "unconfigured = 'PERMIT_HUB_EASYPARK_URL is missing'"])
def test_shares_of_a_held_back_lane_are_reported_separately(
    found: Find, shared: UUID, upstream: Upstream, age: Age, hub: Hub, why: str
) -> None:
    upstream.applied("permit.change_vehicle", permit_id=shared, plate={"raw": "ZZ-999-ZZ"})
    transact(hub.engine, lambda db: providers.note_configuration(db, "easypark", None))
    age("providers", why, EASYPARK)
    age("shares", "due_at = now() - interval '61 minutes'", EASYPARK)
    assert found() == [(Kind.HELD_BACK, "easypark", 1)]


def test_shares_with_a_provider_that_has_left_the_settings_are_held_back(
    found: Find, shared: UUID, upstream: Upstream, age: Age
) -> None:
    upstream.applied("permit.change_vehicle", permit_id=shared, plate={"raw": "ZZ-999-ZZ"})
    age("shares", "due_at = now() - interval '61 minutes', provider = 'gone'", EASYPARK)
    assert found() == [(Kind.HELD_BACK, "gone", 1)]


def test_a_dead_letter_is_stuck_after_a_day(found: Find, shared: UUID, age: Age, evidence: Evidence) -> None:
    age("shares", "parked = 'plate_refused', failing_since = now() - interval '23 hours'", EASYPARK)
    assert found() == []
    age("shares", "failing_since = now() - interval '25 hours'", EASYPARK)
    assert found() == [(Kind.DEAD_LETTERS, "easypark", 1)]
    age("shares", "parked = NULL, failing_since = NULL", EASYPARK)
    assert found() == []


def test_a_residents_unpublished_events_are_stuck_after_a_minute(
    found: Find, dying: Upstream, age: Age, hub: Hub, today: date
) -> None:
    for resident in (ANNE, BOB):
        with pytest.raises(DiedError):
            dying.active(resident)
    assert found() == []
    age("events", "recorded_at = now() - interval '61 seconds'", f"resident_id = '{ANNE}'")
    assert found() == [(Kind.RESIDENTS, None, 1)]
    sweep(hub, today)
    assert found() == []


def test_a_providers_unpublished_event_is_stuck_after_a_minute(found: Find, age: Age, hub: Hub, today: date) -> None:
    transact(hub.engine, lambda db: providers.pause(db, "easypark"))
    assert found() == []
    age("provider_events", "recorded_at = now() - interval '61 seconds'")
    assert found() == [(Kind.PROVIDER_EVENTS, "easypark", 1)]
    sweep(hub, today)
    assert found() == []


def test_an_ended_term_is_stuck_when_not_applied_within_a_day(
    found: Find, upstream: Upstream, hub: Hub, today: date
) -> None:
    upstream.take_over(upstream.row(terms=[{"first_day": upstream.day(-9), "last_day": upstream.day(0)}]))
    assert found(today + DAY) == []
    assert found(today + DAY * 2) == [(Kind.TERMS, None, 1)]
    advance(hub, today + DAY * 2)
    assert found(today + DAY * 2) == []


def test_an_unpaid_change_is_stuck_when_not_lapsed_within_a_day(
    found: Find, upstream: Upstream, hub: Hub, today: date
) -> None:
    upstream.request()
    late = today + DAY * (hub.tariffs.unpaid_lapses_after_days + 1)
    assert found(late) == []
    assert found(late + DAY) == [(Kind.UNPAID, None, 1)]
    advance(hub, late + DAY)
    assert found(late + DAY) == []


def test_an_undecided_request_is_stuck_after_a_month(found: Find, upstream: Upstream, today: date) -> None:
    requests = [upstream.request(resident, verified=UNVERIFIED) for resident in (ANNE, BOB)]
    upstream.active("r-3", years=3)
    assert found(today + DAY * 30) == []
    assert found(today + DAY * 31) == [(Kind.REQUESTS, None, 2)]
    upstream.applied("permit.decide", ANNE, permit_id=requests[0], decision="reject", reason="Illisible.")
    assert found(today + DAY * 31) == [(Kind.REQUESTS, None, 1)]
    upstream.applied("permit.cancel", BOB, permit_id=requests[1])
    assert found(today + DAY * 31) == []


def test_an_undecided_change_is_stuck_after_a_month(found: Find, upstream: Upstream, today: date) -> None:
    permit_id = upstream.active(years=3)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "ZZ"}, verified={})
    assert found(today + DAY * 30) == []
    assert found(today + DAY * 31) == [(Kind.REQUESTS, None, 1)]
    upstream.applied("permit.decide", permit_id=permit_id, decision="approve")
    assert found(today + DAY * 31) == []


def test_the_age_of_a_request_counts_from_its_day(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    upstream.request(verified=UNVERIFIED)
    evidence.query(
        "UPDATE permits SET pending = jsonb_set(pending, '{review,since}', to_jsonb(%s::date)) RETURNING 1",
        today - DAY * 40,
    )
    (one,) = watch(hub, today)
    assert DAY * 40 <= timedelta(seconds=one.oldest_seconds) < DAY * 41 + timedelta(hours=1)


def test_a_permit_that_cannot_be_anonymised_is_stuck_after_a_day(
    found: Find, upstream: Upstream, hub: Hub, today: date, evidence: Evidence
) -> None:
    long_ago = Upstream(hub, today - DAY * 30)
    long_ago.take_over(long_ago.row(terms=[{"first_day": long_ago.day(-9), "last_day": long_ago.day(0)}]))
    evidence.query(
        "UPDATE shares SET confirmed_version = wanted_version, holds = true, due_at = now() WHERE provider = %s"
        " RETURNING 1",
        CITY,
    )
    evidence.query("UPDATE terms SET end_applied = true RETURNING 1")
    due = add_months(long_ago.today, 12) + DAY
    purge(hub, due)
    assert found(due) == []
    purge(hub, due + DAY)
    assert found(due + DAY) == [(Kind.PERMITS, None, 1)]
    evidence.query("UPDATE shares SET holds = false RETURNING 1")
    purge(hub, due + DAY)
    assert found(due + DAY) == []


def test_a_reconciliation_is_stuck_after_a_day_under_way(found: Find, age: Age, hub: Hub) -> None:
    transact(hub.engine, lambda db: reconciliations.request(db, "easypark", dry_run=False))
    age("reconciliations", "requested_at = now() - interval '23 hours'")
    assert found() == []
    age("reconciliations", "requested_at = now() - interval '25 hours'")
    assert found() == [(Kind.RECONCILIATIONS, "easypark", 1)]
    age("reconciliations", "finished_at = now()")
    assert found() == []


def test_a_reminder_is_stuck_after_a_day_due_despite_attempts(
    found: Find, upstream: Upstream, age: Age, evidence: Evidence, today: date
) -> None:
    permit_id = upstream.active()
    evidence.query(
        "INSERT INTO reminders (permit_id, occasion, day, days_ahead, decided_at, due_at)"
        " VALUES (%s, 'expiry', %s, 7, now() - interval '23 hours', now() + interval '1 minute') RETURNING 1",
        permit_id,
        today,
    )
    assert found() == []
    age("reminders", "decided_at = now() - interval '25 hours'")
    assert found() == [(Kind.REMINDERS, None, 1)]
    age("reminders", "state = 'sent', settled_at = now()")
    assert found() == []


def test_each_stuck_kind_is_one_warning_with_count_and_age(
    hub: Hub, shared: UUID, upstream: Upstream, age: Age, today: date
) -> None:
    upstream.refuse()
    age("shares", "due_at = now() - interval '6 minutes'", EASYPARK)
    with capture_logs() as logs:
        watch(hub, today)
    (entry,) = logs
    assert 360 <= entry.pop("oldest") < 400
    assert entry == {
        "event": "stuck.found",
        "log_level": "warning",
        "kind": "consent_changes",
        "provider": "easypark",
        "count": 1,
    }


def test_a_count_at_its_limit_says_so(
    hub: Hub, shared: UUID, upstream: Upstream, age: Age, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.active(BOB)
    age("shares", "wanted_version = confirmed_version + 1, due_at = now() - interval '2 hours'", f"provider = '{CITY}'")
    monkeypatch.setattr(stuck, "MOST", 1)
    (one,) = transact(hub.engine, lambda db: stuck.find(db, query(hub.settings, today)))
    assert (one.count, one.more) == (1, True)


def test_every_kind_has_a_limit_of_waiting() -> None:
    assert stuck.PATIENCE.keys() == set(Kind)
