"""A dropped reminder is due again each time that it matters again."""

from datetime import date, timedelta

import pytest

from integrations.channels.base import Notice
from tests.services.evidence import Evidence
from tests.services.outbox import Ledger, Outbox, Remind, Send
from tests.services.reminders.test_decide import decide
from tests.services.upstream import Upstream
from worker.domain.permit import Permit
from worker.domain.reminders import Contact, Dropped, Reminder, Schedule, prepare
from worker.hub import Hub
from worker.services.reminders import send as sending_service
from worker.services.reminders.decide import due_channels

WAITING = "SELECT decided_at > now() - interval '1 minute' FROM reminders"


def test_a_clock_that_repeatedly_runs_ahead_loses_no_reminder(
    hub: Hub, outbox: Outbox, send: Send, reminded: Remind, today: date
) -> None:
    reminded()
    for _ in range(4):
        send(today - timedelta(days=1))
        decide(hub, today)
    send()
    assert len(outbox.sent) == 1


def test_a_resident_who_repeatedly_changes_the_choice_gets_the_reminder(
    hub: Hub, upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, today: date
) -> None:
    reminded()
    for _ in range(4):
        upstream.applied("resident.choose_reminders", channel="none")
        send()
        upstream.applied("resident.choose_reminders", channel="email")
        decide(hub, today)
    send()
    assert len(outbox.sent) == 1


def test_reminders_chosen_while_one_is_being_dropped_are_sent(
    hub: Hub,
    upstream: Upstream,
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    today: date,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reminded()
    upstream.applied("resident.choose_reminders", channel="none")

    def meanwhile(
        reminder: Reminder, permit: Permit | None, contact: Contact, today: date, schedule: Schedule
    ) -> Notice | Dropped:
        upstream.applied("resident.choose_reminders", channel="email")
        decide(hub, today)
        return prepare(reminder, permit, contact, today, schedule)

    monkeypatch.setattr(sending_service, "prepare", meanwhile)
    send()
    monkeypatch.undo()
    decide(hub, today)
    send()
    assert len(outbox.sent) == 1


def test_a_reminder_due_again_waits_from_that_moment(
    hub: Hub, upstream: Upstream, send: Send, reminded: Remind, evidence: Evidence, today: date
) -> None:
    reminded()
    upstream.applied("resident.choose_reminders", channel="none")
    send()
    evidence.query("UPDATE reminders SET decided_at = now() - interval '3 days' RETURNING 1")
    upstream.applied("resident.choose_reminders", channel="email")
    decide(hub, today)
    assert due_channels(hub, ["email"]) == ["email"]
    assert evidence.query(WAITING) == [(True,)]


def test_a_reminder_dropped_without_a_name_is_not_decided_repeatedly(
    hub: Hub, send: Send, reminded: Remind, evidence: Evidence, ledger: Ledger, today: date
) -> None:
    reminded()
    evidence.query("UPDATE residents SET name = NULL RETURNING 1")
    send()
    decide(hub, today)
    assert ledger() == [("dropped", "no_address", 0, 0)]
