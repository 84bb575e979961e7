"""Each kind of data has a retention in months, exact to the day; ledgers have none."""

from dataclasses import replace
from datetime import date, datetime, time
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from schemas.events import EventType
from schemas.jobs import Language
from schemas.receipts import Outcome
from tests.services.evidence import Evidence
from tests.services.hubs import read_settings
from tests.services.kept import DAY, after, plates
from tests.services.upstream import ANNE, Upstream
from worker.domain.retention import latest_due
from worker.hub import Hub
from worker.services.clock.retention import purge


def types(evidence: Evidence) -> list[EventType]:
    return [event.type for event in evidence.told(ANNE)]


@pytest.mark.parametrize(
    ("day", "months", "due"),
    [
        (date(2023, 5, 14), 12, date(2024, 5, 15)),
        (date(2024, 2, 29), 12, date(2025, 3, 1)),
        (date(2023, 2, 28), 12, date(2024, 2, 29)),
        (date(2024, 1, 31), 1, date(2024, 3, 1)),
        (date(2023, 12, 31), 12, date(2025, 1, 1)),
    ],
)
def test_a_retention_in_months_ends_the_day_after_the_same_date(day: date, months: int, due: date) -> None:
    assert latest_due(due, months) >= day
    assert latest_due(due - DAY, months) < day


def test_each_day_becomes_due_on_exactly_one_day() -> None:
    days = [date(2023, 1, 1) + DAY * count for count in range(1_500)]
    for months in (1, 2, 12, 13, 36):
        for day in days:
            assert (latest_due(day, months) >= day - DAY * 200) == (after(day - DAY * 200, months) <= day)


def test_a_job_id_is_known_for_thirteen_months_and_then_free(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    envelope = upstream.envelope(resident_id=ANNE, name="Élodie", email="e@example.fr", language=Language.FR.value)
    upstream.send("resident.update_contact", envelope)
    upstream.send("resident.update_contact", "no job")
    recorded = datetime.combine(latest_due(today, 13), time(23, 59), hub.zone)
    for ledger in ("jobs", "refused_messages"):
        evidence.query(f"UPDATE {ledger} SET recorded_at = %s RETURNING 1", recorded)
    purge(hub, today - DAY)
    upstream.send("resident.update_contact", envelope)
    assert types(evidence) == [EventType.CONTACT_UPDATED]
    assert len(evidence.refused_messages()) == 1
    purge(hub, today)
    assert evidence.find_job(envelope["job_id"]) is None
    assert evidence.refused_messages() == []
    assert upstream.send("resident.update_contact", envelope).outcome is Outcome.APPLIED
    assert types(evidence) == [EventType.CONTACT_UPDATED] * 2


def test_a_record_made_after_the_citys_midnight_counts_for_the_new_day(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    days = (latest_due(today, 13), latest_due(today, 13) + DAY)
    receipts = [upstream.applied("resident.choose_reminders", channel="none") for _ in days]
    for receipt, day in zip(receipts, days, strict=True):
        recorded = datetime.combine(day, time(0, 30), hub.zone)
        evidence.query("UPDATE jobs SET recorded_at = %s WHERE job_id = %s RETURNING 1", recorded, receipt.job_id)
    purge(hub, today)
    assert [evidence.find_job(receipt.job_id) is None for receipt in receipts] == [True, False]


def test_consent_decisions_payments_and_events_are_kept_for_good(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    upstream.allow()
    paid = upstream.request()
    upstream.applied("permit.confirm_payment", permit_id=paid, payment_reference="P-1", amount_cents=4500)
    kept = ("consent_decisions", "payments", "events")
    for ledger in kept:
        evidence.query(f"UPDATE {ledger} SET recorded_at = '1999-12-31' RETURNING 1")
    before = {ledger: evidence.query(f"SELECT to_jsonb(l) FROM {ledger} l") for ledger in kept}
    purge(hub, today)
    assert {ledger: evidence.query(f"SELECT to_jsonb(l) FROM {ledger} l") for ledger in kept} == before


def test_a_day_ahead_of_the_database_purges_no_ledger(hub: Hub, evidence: Evidence, lapsed: UUID, today: date) -> None:
    with capture_logs() as logs:
        purge(hub, today + DAY * 10_000)
    assert plates(evidence, lapsed) == []
    assert evidence.value("SELECT count(*) FROM jobs") == 1
    failed = {entry["kind"] for entry in logs if entry["event"] == "retention.failed"}
    assert failed == {"jobs", "refused_messages", "reminders", "disclosures"}


def test_a_purge_without_time_left_continues_next_time(
    hub: Hub, evidence: Evidence, lapsed: UUID, forgetting: date
) -> None:
    purge(hub, forgetting, until=0)
    assert plates(evidence, lapsed) == ["EF-367-QS"]
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []


def test_the_periods_are_settings(
    hub: Hub, evidence: Evidence, lapsed: UUID, today: date, hub_environment: dict[str, str]
) -> None:
    settings = read_settings(hub_environment, permits_kept_months=3)
    purge(replace(hub, settings=settings), after(today - DAY, 3) - DAY)
    assert plates(evidence, lapsed) == ["EF-367-QS"]
    purge(replace(hub, settings=settings), after(today - DAY, 3))
    assert plates(evidence, lapsed) == []
