"""A reminder is kept until none of its day can matter, whether it was sent or waits for a channel that never came."""

from datetime import datetime, time, timedelta

import pytest

from worker.domain.retention import latest_due
from worker.domain.terms import add_months
from worker.services.clock.retention import purge

DAY = timedelta(days=1)
INSERT = """
    INSERT INTO reminders (permit_id, occasion, day, days_ahead, state, due_at, settled_at)
    VALUES (%s, 'expiry', %s, %s, %s, %s, %s) RETURNING 1
"""
LEFT = "SELECT days_ahead FROM reminders ORDER BY days_ahead"


@pytest.fixture
def kept(hub, today):
    """Return the latest moment, and the latest day, of reminders that are purged today and not yesterday."""
    day = latest_due(today, hub.settings.jobs_kept_months)
    return datetime.combine(day, time(12), hub.zone), add_months(day, -13)


@pytest.fixture
def remind(upstream, evidence):
    permit_id = upstream.active(years=3)

    def remind(days_ahead, day, state, due_at, settled_at=None):
        evidence.query(INSERT, permit_id, day, days_ahead, state, due_at, settled_at)

    return remind


@pytest.mark.parametrize("state", ["due", "sent", "dropped", "refused", "unclear"])
def test_a_reminder_goes_when_its_day_and_what_last_became_of_it_are_long_past(
    hub, evidence, today, kept, remind, state
):
    moment, day = kept
    settled = None if state == "due" else moment
    remind(60, day, state, moment, settled)
    remind(30, day + DAY, state, moment, settled)
    purge(hub, today - DAY)
    assert evidence.query(LEFT) == [(30,), (60,)]
    purge(hub, today)
    assert evidence.query(LEFT) == [(30,)]


def test_one_that_is_due_goes_only_when_it_is_due_since_long_ago(hub, evidence, today, kept, remind):
    moment, day = kept
    remind(60, day, "due", moment)
    remind(30, day, "due", moment + DAY)  # an attempt failed since
    remind(7, day, "due", moment + DAY * 4_000)  # one is under way
    remind(0, today, "due", moment)  # it matters
    purge(hub, today)
    assert evidence.query(LEFT) == [(0,), (7,), (30,)]


def test_one_that_was_settled_lately_stays_however_long_ago_it_was_due(hub, evidence, today, kept, remind):
    moment, day = kept
    remind(60, day, "sent", moment - DAY * 400, moment + DAY)
    purge(hub, today)
    assert evidence.query(LEFT) == [(60,)]
