"""A resident's contact is kept while it may be needed, then deleted; a resident who returns sets it again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time
from typing import Any, Protocol
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from schemas.events import EventType
from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.kept import DAY, after
from tests.services.upstream import ANNE, BOB, UNVERIFIED, Upstream
from tests.support.waiting import eventually
from worker.hub import Hub
from worker.services.clock import retention
from worker.services.clock.retention import purge

CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}
TOLD = "SELECT name, email, language FROM residents WHERE resident_id = %s"
KNOWN = [tuple(CONTACT.values())]
FORGOTTEN = [(None, None, None)]


class Tell(Protocol):
    def __call__(self, resident: str = ..., **contact: str) -> None: ...


@pytest.fixture
def tell(upstream: Upstream) -> Tell:
    """Return a function that sets a resident's contact."""

    def tell(resident: str = ANNE, **contact: str) -> None:
        upstream.applied("resident.update_contact", resident, **CONTACT | contact)

    return tell


@pytest.fixture
def due(today: date) -> date:
    """Return the day on which a contact set today is to be deleted."""
    return after(today, 12)


def known(evidence: Evidence) -> list[str]:
    """Return the residents whose contact is known."""
    return [one for (one,) in evidence.query("SELECT resident_id FROM residents WHERE email IS NOT NULL ORDER BY 1")]


def types(evidence: Evidence, resident: str = ANNE) -> list[EventType]:
    return [event.type for event in evidence.told(resident)]


def test_a_contact_without_a_permit_is_deleted_the_day_after_its_last_day(
    hub: Hub, evidence: Evidence, tell: Tell, due: date
) -> None:
    tell()
    purge(hub, due - DAY)
    assert evidence.query(TOLD, ANNE) == KNOWN
    purge(hub, due)
    assert evidence.query(TOLD, ANNE) == FORGOTTEN
    assert evidence.value("SELECT erased_at FROM residents") is None


def test_a_contact_is_kept_from_the_citys_midnight(
    hub: Hub, evidence: Evidence, tell: Tell, due: date, today: date
) -> None:
    """A contact set half an hour after midnight on a summer day belongs to that day, though not in UTC."""
    for resident, day in ((ANNE, today), (BOB, today + DAY)):
        tell(resident)
        told = datetime.combine(day, time(0, 30), hub.zone)
        evidence.query("UPDATE residents SET contact_at = %s WHERE resident_id = %s RETURNING 1", told, resident)
    purge(hub, due)
    assert known(evidence) == [BOB]


def test_a_contact_is_deleted_after_its_only_permit_is_anonymised(
    hub: Hub, evidence: Evidence, tell: Tell, lapsed: UUID, due: date
) -> None:
    tell()
    purge(hub, due - DAY)  # the permit is anonymised
    assert evidence.space(ANNE).cards == ()
    assert evidence.query(TOLD, ANNE) == KNOWN
    purge(hub, due)
    assert evidence.query(TOLD, ANNE) == FORGOTTEN


def test_an_old_contact_is_deleted_with_the_last_permit(
    hub: Hub, evidence: Evidence, tell: Tell, lapsed: UUID, forgetting: date
) -> None:
    tell()
    evidence.query("UPDATE residents SET contact_at = contact_at - interval '9 years' RETURNING 1")
    purge(hub, forgetting - DAY)
    assert evidence.query(TOLD, ANNE) == KNOWN
    purge(hub, forgetting)
    assert evidence.query(TOLD, ANNE) == FORGOTTEN


@pytest.mark.parametrize("wish", [{"profile": "low_emission", "years": 3}, {"verified": UNVERIFIED}, {}])
def test_a_contact_with_a_permit_or_a_request_is_kept(
    hub: Hub, upstream: Upstream, evidence: Evidence, tell: Tell, due: date, wish: dict[str, Any]
) -> None:
    upstream.request(**wish)
    tell()
    purge(hub, due + DAY * 300)
    assert evidence.query(TOLD, ANNE) == KNOWN


def test_the_space_shows_a_deleted_contact_at_once(hub: Hub, evidence: Evidence, tell: Tell, due: date) -> None:
    tell()
    before = evidence.screen(ANNE)
    assert before.reminders.email_known
    purge(hub, due)
    space = evidence.space(ANNE)
    assert (space.reminders.email_known, space.version) == (False, before.version + 1)
    assert types(evidence) == [EventType.CONTACT_UPDATED] * 2
    assert evidence.told(ANNE)[-1].data.job_id is None


def test_deleting_a_contact_keeps_the_reminder_choice_and_drops_the_refusal(
    hub: Hub, upstream: Upstream, evidence: Evidence, tell: Tell, due: date
) -> None:
    tell()
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    upstream.applied("resident.choose_reminders", BOB, channel="none")
    tell(BOB)
    purge(hub, due)
    assert evidence.query("SELECT reminders, email_refused_at FROM residents ORDER BY resident_id") == [
        ("email", None),
        ("none", None),
    ]


def test_a_contact_set_again_is_kept_for_the_whole_period(hub: Hub, evidence: Evidence, tell: Tell, due: date) -> None:
    tell()
    purge(hub, due)
    tell()
    assert evidence.query(TOLD, ANNE) == KNOWN
    assert evidence.space(ANNE).reminders.email_known
    purge(hub, due - DAY)
    assert evidence.query(TOLD, ANNE) == KNOWN


def test_a_contact_is_kept_from_its_last_update_even_without_a_change(
    hub: Hub, evidence: Evidence, tell: Tell, today: date
) -> None:
    tell()
    evidence.query("UPDATE residents SET contact_at = contact_at - interval '9 years' RETURNING 1")
    tell()
    purge(hub, today)
    assert evidence.query(TOLD, ANNE) == KNOWN


def test_a_deleted_contact_is_found_nowhere_and_not_logged(hub: Hub, evidence: Evidence, tell: Tell, due: date) -> None:
    tell()
    personal = (CONTACT["name"], CONTACT["email"])
    assert all(one in evidence.everything_stored() for one in personal)
    with capture_logs() as logs:
        purge(hub, due)
    assert not [one for one in personal if one in evidence.everything_stored() or one in str(logs)]
    assert {"event": "retention.purged", "log_level": "info", "contacts": 1}.items() <= logs[-1].items()


def test_a_second_purge_changes_nothing(hub: Hub, evidence: Evidence, tell: Tell, due: date) -> None:
    tell()
    purge(hub, due)
    before = evidence.truth()
    purge(hub, due + DAY)
    assert evidence.truth() == before


def test_an_erased_resident_has_no_contact_to_delete(
    hub: Hub, upstream: Upstream, evidence: Evidence, tell: Tell, due: date
) -> None:
    tell()
    upstream.applied("resident.erase")
    purge(hub, due)
    assert types(evidence)[-1] is EventType.RESIDENT_ERASED


def test_a_contact_updated_between_finding_and_deleting_is_kept(
    hub: Hub, database: Database, evidence: Evidence, tell: Tell, due: date
) -> None:
    tell()
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(1) as other, database.connect() as db:
        with db.transaction():
            db.execute("SELECT FROM residents FOR UPDATE")
            purging = other.submit(purge, hub, due)
            eventually(lambda: evidence.query(waiting))
            db.execute("UPDATE residents SET contact_at = contact_at + interval '1 day'")
        purging.result()
    assert evidence.query(TOLD, ANNE) == KNOWN


def test_a_contact_with_a_request_between_finding_and_deleting_is_kept(
    hub: Hub, database: Database, upstream: Upstream, evidence: Evidence, tell: Tell, due: date
) -> None:
    tell()
    requested = upstream.request(BOB)
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with ThreadPoolExecutor(1) as other, database.connect() as db:
        with db.transaction():
            db.execute("SELECT FROM residents FOR UPDATE")
            purging = other.submit(purge, hub, due)
            eventually(lambda: evidence.query(waiting))
            db.execute("UPDATE permits SET resident_id = %s WHERE permit_id = %s", [ANNE, requested])
        purging.result()
    assert evidence.query(TOLD, ANNE) == KNOWN


def test_a_failing_resident_does_not_stop_the_deletion_of_other_contacts(
    hub: Hub, evidence: Evidence, tell: Tell, due: date
) -> None:
    for resident in (ANNE, BOB):
        tell(resident)
    evidence.query("INSERT INTO events (resident_id, sequence, type, data) VALUES (%s, 2, '', '{}') RETURNING 1", ANNE)
    with capture_logs() as logs:
        purge(hub, due)
    assert known(evidence) == [ANNE]
    assert [entry["resident"] for entry in logs if entry["event"] == "retention.not_anonymised"] == [ANNE]


def test_residents_with_permits_are_skipped_and_each_purge_continues_the_last(
    hub: Hub, upstream: Upstream, evidence: Evidence, tell: Tell, due: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.db.clock.retention.EXAMINED_ROWS", 2)
    residents = [f"r-{number}" for number in range(7)]
    for resident in residents:
        tell(resident)
    for resident in residents[:5]:
        upstream.active(resident, years=3)
    purge(hub, due)
    purge(hub, due)
    assert known(evidence) == residents
    purge(hub, due)
    assert known(evidence) == residents[:5]
    evidence.query("DELETE FROM plate_assignments RETURNING 1")
    for _ in residents:
        purge(hub, due)
    assert known(evidence) == []


def test_due_contacts_are_deleted_in_slices_while_time_is_left(
    hub: Hub, evidence: Evidence, tell: Tell, due: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FOUND_AT_ONCE", 2)
    for number in range(5):
        tell(f"r-{number}")
    purge(hub, due, until=0)
    assert len(known(evidence)) == 5
    purge(hub, due)
    assert known(evidence) == []
