"""What is over is kept as long as its period says and not a day longer, whoever looks, and whenever."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from schemas.events import EventType
from schemas.jobs import Language
from schemas.receipts import Outcome, RefusalCode
from schemas.space import ActionName, CardStatus
from tests.services.hubs import read_settings
from tests.services.upstream import ANNE, BOB, CITY, ELSEWHERE, UNVERIFIED, Upstream
from worker.db import retention as rows
from worker.db.engine import transact
from worker.domain.retention import latest_due
from worker.domain.terms import add_months
from worker.services import history, retention
from worker.services.calendar import advance
from worker.services.retention import purge

DAY = timedelta(days=1)
ALL_OF_A_PERMIT = """
    SELECT status, ban_id, address, zones, pending, reason, verified, over_on FROM permits WHERE permit_id = %s
"""
SHARE = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, holds, urgency, due_at, claimed_version,
        failures)
    VALUES (%s, %s, 1, 1, %s, 2, now(), 1, 0) RETURNING 1
"""
PLATES = "SELECT raw FROM plate_assignments WHERE permit_id = %s ORDER BY assigned_at"


def after(day: date, months: int) -> date:
    """Return the day on which what is kept for so many months from a day is purged."""
    return add_months(day, months) + DAY


def plates(evidence, permit_id) -> list[str]:
    return [raw for (raw,) in evidence.query(PLATES, permit_id)]


def types(evidence, resident=ANNE):
    return [event.type for event in evidence.told(resident)]


@pytest.fixture
def lapsed(upstream) -> UUID:
    """Return a permit that ended yesterday."""
    return upstream.lapsed(plate={"raw": "EF-367-QS"})


@pytest.fixture
def forgetting(today) -> date:
    """Return the day on which `lapsed` is to be forgotten."""
    return after(today - DAY, 12)


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
def test_what_is_kept_for_months_is_due_the_day_after_the_same_date(day, months, due):
    assert latest_due(due, months) >= day
    assert latest_due(due - DAY, months) < day


def test_each_day_has_exactly_one_day_on_which_it_becomes_due():
    days = [date(2023, 1, 1) + DAY * count for count in range(1_500)]
    for months in (1, 2, 12, 13, 36):
        for day in days:
            assert (latest_due(day, months) >= day - DAY * 200) == (after(day - DAY * 200, months) <= day)


def test_a_permit_that_is_over_is_kept_to_the_last_day_and_then_forgotten(hub, upstream, evidence, lapsed, forgetting):
    purge(hub, forgetting - DAY)
    assert plates(evidence, lapsed) == ["EF-367-QS"]
    assert ActionName.RENEW in [action.name for action in evidence.screen(ANNE).cards[0].actions]
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []
    assert evidence.query(ALL_OF_A_PERMIT, lapsed) == [("ended", "", "", [], None, None, None, None)]
    assert evidence.space(ANNE).cards == ()
    assert types(evidence)[-1] is EventType.PERMIT_FORGOTTEN
    assert evidence.told(ANNE)[-1].data.permit_ids == (lapsed,)
    assert evidence.value("SELECT count(*) FROM terms WHERE permit_id = %s", lapsed) == 1


def test_forgetting_twice_is_forgetting_once(hub, evidence, lapsed, forgetting):
    for _ in range(2):
        purge(hub, forgetting)
    assert types(evidence).count(EventType.PERMIT_FORGOTTEN) == 1
    before = evidence.truth()
    purge(hub, forgetting + DAY)
    assert evidence.truth() == before


def test_after_days_of_downtime_everything_that_is_due_is_forgotten(hub, upstream, evidence, today, monkeypatch):
    monkeypatch.setattr(retention, "FORGOTTEN", 2)  # so that it takes several slices
    for number in range(5):
        terms = [{"first_day": upstream.day(-99), "last_day": upstream.day(-1 - number)}]
        upstream.take_over(upstream.row(f"r-{number}", terms=terms))
    kept = upstream.active(BOB)
    purge(hub, after(today, 12) + DAY * 30)
    assert evidence.query("SELECT permit_id FROM plate_assignments") == [(kept,)]


def test_an_import_of_an_old_permit_counts_from_its_last_day(hub, upstream, evidence, today):
    day = latest_due(today, 12)
    old, younger = (upstream.row(terms=[_term(day + DAY * more)]) for more in (0, 1))
    upstream.take_over(old, younger)
    purge(hub, today)
    assert [card.permit_id for card in evidence.screen(ANNE).cards] == [UUID(younger["permit_id"])]


def test_an_import_of_a_cancelled_permit_counts_from_its_request(hub, upstream, evidence, today):
    day = latest_due(today, 12)
    cancelled = {"status": "cancelled_by_resident", "terms": []}
    old, younger = (upstream.row(**cancelled, requested_on=str(day + DAY * more)) for more in (0, 1))
    upstream.take_over(old, younger)
    purge(hub, today)
    assert [card.permit_id for card in evidence.screen(ANNE).cards] == [UUID(younger["permit_id"])]


def test_an_import_of_a_permit_that_was_ended_before_its_time_counts_from_today(hub, upstream, evidence, today):
    row = upstream.row(status="ended")
    upstream.take_over(row)
    purge(hub, after(today, 12) - DAY)
    assert evidence.card(ANNE, UUID(row["permit_id"])).status is CardStatus.ENDED
    purge(hub, after(today, 12))
    assert evidence.space(ANNE).cards == ()


def test_a_rejection_counts_from_the_day_it_was_made_and_its_reason_is_forgotten(hub, upstream, evidence, today):
    rejected = upstream.request(verified=UNVERIFIED)
    later = Upstream(hub, today + DAY * 90)
    later.applied("permit.decide", permit_id=rejected, decision="reject", reason="Illisible.")
    purge(hub, after(later.today, 12) - DAY)
    assert "Illisible." in evidence.everything_stored()
    purge(hub, after(later.today, 12))
    assert "Illisible." not in evidence.everything_stored()
    assert evidence.query(ALL_OF_A_PERMIT, rejected)[0][0] == "rejected"


def test_what_was_not_paid_counts_from_the_day_it_was_given_up(hub, upstream, evidence, today):
    unpaid = upstream.request()
    given_up = today + DAY * (hub.tariffs.unpaid_lapses_after_days + 1)
    advance(hub, given_up)
    purge(hub, after(given_up, 12) - DAY)
    assert evidence.card(ANNE, unpaid).status is CardStatus.CANCELLED_UNPAID
    purge(hub, after(given_up, 12))
    assert evidence.space(ANNE).cards == ()


def test_what_is_open_is_never_forgotten(hub, upstream, evidence, today):
    reviewed, unpaid = upstream.request(verified=UNVERIFIED), upstream.request()
    purge(hub, today + DAY * 3_650)
    assert {card.permit_id for card in evidence.screen(ANNE).cards} == {reviewed, unpaid}


def test_a_permit_that_was_renewed_on_its_last_kept_day_stays(hub, upstream, evidence, lapsed, forgetting):
    late = Upstream(hub, forgetting - DAY)
    late.applied("permit.renew", permit_id=lapsed, years=1)
    purge(hub, forgetting)  # it waits for its payment
    late.applied("permit.confirm_payment", permit_id=lapsed, payment_reference="P-1", amount_cents=4500)
    purge(hub, forgetting)
    card = evidence.card(ANNE, lapsed)
    evidence.query("UPDATE shares SET confirmed_version = wanted_version RETURNING 1")
    purge(hub, after(card.valid_until, 12) - DAY)
    assert evidence.card(ANNE, lapsed).plate == "EF-367-QS"
    purge(hub, after(card.valid_until, 12))
    assert evidence.space(ANNE).cards == ()


@pytest.mark.parametrize("state", ["holds = true", "holds = NULL", "wanted_version = wanted_version + 1"])
def test_a_permit_waits_as_long_as_a_provider_may_hold_anything_of_it(
    hub, upstream, evidence, deliver, twins, today, state
):
    upstream.allow()
    upstream.active()
    deliver()
    lapse = evidence.screen(ANNE).cards[0].valid_until + DAY
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
def test_what_happens_between_finding_and_forgetting_counts(
    hub, database, evidence, lapsed, forgetting, until, meanwhile
):
    evidence.query(SHARE, lapsed, "easypark", False)
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    pending = '{"kind": "new_term", "years": 1, "price_cents": 4500, "pay_by": "2999-01-01"}'
    with ThreadPoolExecutor(1) as other, database.connect() as db:
        with db.transaction():
            db.execute("SELECT FROM residents FOR UPDATE")
            purging = other.submit(purge, hub, forgetting)
            until(lambda: evidence.query(waiting))
            db.execute(meanwhile, [pending] if "%s" in meanwhile else [])
        purging.result()
    assert plates(evidence, lapsed) == ["EF-367-QS"]


def test_what_a_provider_may_hold_is_not_even_looked_for_again_and_again(hub, evidence, lapsed, today):
    found = transact(hub.engine, lambda db: rows.next_due(db, today, None, 10))
    assert found == ([ANNE], (today - DAY, lapsed))
    evidence.query(SHARE, lapsed, "easypark", None)
    assert transact(hub.engine, lambda db: rows.next_due(db, today, None, 10)) == ([], (today - DAY, lapsed))
    assert transact(hub.engine, lambda db: rows.next_due(db, today, found[1], 10)) == ([], None)


def test_one_permit_that_must_wait_does_not_keep_the_next_from_being_forgotten(
    hub, upstream, evidence, today, monkeypatch
):
    monkeypatch.setattr("worker.db.retention.LOOKED_AT", 1)
    held, free = (upstream.row(name, terms=[_term(today - DAY * 9)]) for name in (ANNE, BOB))
    upstream.take_over(held, free)
    evidence.query(SHARE, held["permit_id"], "gone", True)
    purge(hub, today + DAY * 400)
    assert evidence.query("SELECT permit_id FROM plate_assignments") == [(UUID(held["permit_id"]),)]


def test_one_resident_who_cannot_be_helped_does_not_hold_up_the_next(hub, upstream, evidence, today, forgetting):
    wrong, _ = (upstream.lapsed(resident) for resident in (ANNE, BOB))
    evidence.query("UPDATE permits SET status = 'active', verified = '[1]' WHERE permit_id = %s RETURNING 1", wrong)
    with capture_logs() as logs:
        purge(hub, forgetting)
    assert evidence.query("SELECT permit_id FROM plate_assignments") == [(wrong,)]
    assert [entry["resident"] for entry in logs if entry["event"] == "retention.not_forgotten"] == [ANNE]


def test_what_is_forgotten_leaves_nothing_personal_anywhere_and_is_not_logged(
    hub, upstream, evidence, today, forgetting
):
    lapsed = upstream.lapsed(plate={"raw": "PO-456-VB"}, zones=["ZONE-14"])
    upstream.applied("permit.change_address", permit_id=lapsed, address=ELSEWHERE, zones=["18C"])
    upstream.applied("permit.cancel", permit_id=lapsed)
    personal = ("PO-456-VB", "PO456VB", "ZONE-14", *ELSEWHERE.values())
    assert "PO-456-VB" in evidence.everything_stored()
    with capture_logs() as logs:
        purge(hub, forgetting)
    assert not [value for value in personal if value in evidence.everything_stored() or value in str(logs)]
    assert {"event": "retention.purged", "log_level": "info", "permits": 1}.items() <= logs[-1].items()


def test_the_history_of_a_forgotten_permit_tells_who_held_it_and_not_under_which_plate(
    hub, upstream, evidence, deliver, today
):
    upstream.allow()
    permit_id = upstream.active()
    deliver()
    lapse = evidence.screen(ANNE).cards[0].valid_until + DAY
    evidence.query("UPDATE shares SET holds = false RETURNING 1")
    purge(hub, after(lapse, 12))
    task = uuid4()
    assert history.put_history(hub, ANNE, task, today) is not None
    document = hub.live.client.get(hub.live.key(f"history:{task}")).decode()
    assert str(permit_id) in document
    assert '"plate":null' in document.replace(" ", "")


def test_no_job_does_anything_with_a_forgotten_permit(hub, upstream, lapsed, forgetting):
    purge(hub, forgetting)
    assert upstream.submit("permit.renew", permit_id=lapsed, years=1).code is RefusalCode.UNKNOWN_PERMIT
    again = upstream.take_over(upstream.row(permit_id=str(lapsed)))
    assert again.rows[0].code is RefusalCode.PERMIT_EXISTS
    assert upstream.applied("resident.erase")


def test_a_plate_that_was_replaced_is_deleted_a_year_after_that(hub, upstream, evidence, today):
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "PO-456-VB"})
    replaced = evidence.value("SELECT (replaced_at AT TIME ZONE 'Europe/Paris')::date FROM plate_assignments LIMIT 1")
    purge(hub, after(replaced, 12) - DAY)
    assert plates(evidence, permit_id) == ["EF-367-QS", "PO-456-VB"]
    purge(hub, after(replaced, 12))
    assert plates(evidence, permit_id) == ["PO-456-VB"]
    assert evidence.card(ANNE, permit_id).plate == "PO-456-VB"


def test_a_plate_that_was_given_up_and_taken_again_is_not_a_replaced_one(hub, upstream, evidence, today):
    permit_id = upstream.lapsed(plate={"raw": "EF-367-QS"})
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)
    assert len(plates(evidence, permit_id)) == 2
    assert evidence.query("SELECT FROM plate_assignments WHERE replaced_at IS NOT NULL") == []


def test_one_and_the_same_plate_may_be_replaced_and_come_back(hub, upstream, evidence, today):
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    for raw in ("PO-456-VB", "EF-367-QS"):
        upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": raw})
    purge(hub, today + DAY * 400)
    assert plates(evidence, permit_id) == ["EF-367-QS"]


def test_a_job_is_known_for_thirteen_months_and_afterwards_its_id_is_a_new_one(hub, upstream, evidence, today):
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
    assert evidence.job(envelope["job_id"]) is None
    assert evidence.refused_messages() == []
    assert upstream.send("resident.update_contact", envelope).outcome is Outcome.APPLIED
    assert types(evidence) == [EventType.CONTACT_UPDATED] * 2


def test_consent_decisions_payments_and_events_are_kept_for_good(hub, upstream, evidence, today):
    upstream.allow()
    paid = upstream.request()
    upstream.applied("permit.confirm_payment", permit_id=paid, payment_reference="P-1", amount_cents=4500)
    kept = ("consent_decisions", "payments", "events")
    for ledger in kept:
        evidence.query(f"UPDATE {ledger} SET recorded_at = '1999-12-31' RETURNING 1")
    before = {ledger: evidence.query(f"SELECT to_jsonb(l) FROM {ledger} l") for ledger in kept}
    purge(hub, today)
    assert {ledger: evidence.query(f"SELECT to_jsonb(l) FROM {ledger} l") for ledger in kept} == before


def test_a_day_that_the_database_has_not_reached_purges_no_ledger_and_all_else(hub, evidence, lapsed, today):
    with capture_logs() as logs:
        purge(hub, today + DAY * 10_000)
    assert plates(evidence, lapsed) == []
    assert evidence.value("SELECT count(*) FROM jobs") == 1
    failed = {entry["kind"] for entry in logs if entry["event"] == "retention.failed"}
    assert failed == {"jobs", "refused_messages", "reminders", "disclosures"}


def test_a_purge_that_has_no_time_left_goes_on_next_time(hub, evidence, lapsed, forgetting):
    purge(hub, forgetting, until=0)
    assert plates(evidence, lapsed) == ["EF-367-QS"]
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []


def test_the_periods_are_the_installations(hub, evidence, lapsed, today, hub_environment):
    settings = read_settings(hub_environment, plates_kept_months=3)
    purge(replace(hub, settings=settings), after(today - DAY, 3) - DAY)
    assert plates(evidence, lapsed) == ["EF-367-QS"]
    purge(replace(hub, settings=settings), after(today - DAY, 3))
    assert plates(evidence, lapsed) == []


def _term(last_day: date) -> dict[str, str]:
    return {"first_day": str(last_day - DAY * 90), "last_day": str(last_day)}
