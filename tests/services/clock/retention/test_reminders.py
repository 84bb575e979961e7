"""A reminder is kept until its day cannot matter any more, whether it was sent or not."""

from datetime import date, datetime, time, timedelta
from typing import Protocol

import pytest

from tests.services.evidence import Evidence
from tests.services.upstream import Upstream
from worker.domain.retention import latest_due
from worker.domain.terms import add_months
from worker.hub import Hub
from worker.services.clock.retention import purge

DAY = timedelta(days=1)
INSERT = """
    INSERT INTO reminders (permit_id, occasion, day, days_ahead, state, due_at, settled_at)
    VALUES (%s, 'expiry', %s, %s, %s, %s, %s) RETURNING 1
"""
LEFT = "SELECT days_ahead FROM reminders ORDER BY days_ahead"


@pytest.fixture
def kept(hub: Hub, today: date) -> tuple[datetime, date]:
    """Return the latest moment, and the latest day, of reminders that are deleted today and not yesterday."""
    day = latest_due(today, hub.settings.jobs_kept_months)
    return datetime.combine(day, time(12), hub.zone), add_months(day, -13)


class Remind(Protocol):
    def __call__(
        self, days_ahead: int, day: date, state: str, due_at: datetime, settled_at: datetime | None = ...
    ) -> None: ...


@pytest.fixture
def remind(upstream: Upstream, evidence: Evidence) -> Remind:
    permit_id = upstream.active(years=3)

    def remind(days_ahead: int, day: date, state: str, due_at: datetime, settled_at: datetime | None = None) -> None:
        evidence.query(INSERT, permit_id, day, days_ahead, state, due_at, settled_at)

    return remind


@pytest.mark.parametrize("state", ["due", "sent", "dropped", "refused", "unclear"])
def test_a_reminder_is_deleted_once_its_day_and_its_last_change_are_old(
    hub: Hub, evidence: Evidence, today: date, kept: tuple[datetime, date], remind: Remind, state: str
) -> None:
    moment, day = kept
    settled = None if state == "due" else moment
    remind(60, day, state, moment, settled)
    remind(30, day + DAY, state, moment, settled)
    purge(hub, today - DAY)
    assert evidence.query(LEFT) == [(30,), (60,)]
    purge(hub, today)
    assert evidence.query(LEFT) == [(30,)]


def test_a_due_reminder_is_deleted_only_when_long_overdue(
    hub: Hub, evidence: Evidence, today: date, kept: tuple[datetime, date], remind: Remind
) -> None:
    moment, day = kept
    remind(60, day, "due", moment)
    remind(30, day, "due", moment + DAY)  # an attempt failed since
    remind(7, day, "due", moment + DAY * 4_000)  # one is under way
    remind(0, today, "due", moment)  # it still matters
    purge(hub, today)
    assert evidence.query(LEFT) == [(0,), (7,), (30,)]


def test_a_recently_settled_reminder_is_kept(
    hub: Hub, evidence: Evidence, today: date, kept: tuple[datetime, date], remind: Remind
) -> None:
    moment, day = kept
    remind(60, day, "sent", moment - DAY * 400, moment + DAY)
    purge(hub, today)
    assert evidence.query(LEFT) == [(60,)]
