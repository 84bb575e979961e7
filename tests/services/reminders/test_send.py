"""A due reminder is sent once, from the truth as it stands, and within its channel's limits."""

import asyncio
import time
from dataclasses import replace
from datetime import date, timedelta

import pytest

from integrations.base import Limit
from integrations.channels.base import AddressRefusedError
from tests.services.evidence import Evidence
from tests.services.outbox import Ledger, Outbox, Remind, Send, failing, sender_of
from tests.services.reminders.test_decide import CONTACT, decide, renew
from tests.services.upstream import Upstream
from tests.support.waiting import eventually
from worker.db.reminders import LEASE_SECONDS
from worker.hub import Hub
from worker.services.reminders import send as sending_service
from worker.services.reminders.decide import due_channels
from worker.tasks import remind


def test_a_due_reminder_is_sent_once(hub: Hub, outbox: Outbox, send: Send, reminded: Remind, ledger: Ledger) -> None:
    reminded()
    assert due_channels(hub, ["email"]) == ["email"]
    send()
    send()
    assert [notice.address for notice in outbox.sent] == ["elodie@example.fr"]
    assert ledger() == [("sent", None, 0, 1)]
    assert due_channels(hub, ["email"]) == []


def test_one_run_sends_many_reminders(outbox: Outbox, send: Send, reminded: Remind) -> None:
    for number in range(40):
        reminded(f"r-{number}")
    assert send() is False
    assert len({notice.reminder_id for notice in outbox.sent}) == len(outbox.sent) == 40


def test_two_workers_send_each_reminder_once(hub: Hub, outbox: Outbox, reminded: Remind, today: date) -> None:
    for number in range(50):
        reminded(f"r-{number}")

    async def both() -> None:
        await asyncio.gather(
            *(asyncio.to_thread(asyncio.run, sender_of(hub, outbox).run(lambda: today)) for _ in range(3))
        )

    asyncio.run(both())
    assert len({notice.reminder_id for notice in outbox.sent}) == len(outbox.sent) == 50


def test_a_reminder_goes_to_the_address_of_the_moment(
    upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind
) -> None:
    reminded()
    upstream.applied("resident.update_contact", **CONTACT | {"email": "new@example.fr", "language": "en"})
    send()
    assert [(notice.address, notice.language) for notice in outbox.sent] == [("new@example.fr", "en")]


def test_a_reminder_for_a_renewed_stopped_or_erased_permit_is_not_sent(
    upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, ledger: Ledger
) -> None:
    renew(upstream, reminded("r-1"), "r-1")
    reminded("r-2")
    upstream.applied("resident.choose_reminders", "r-2", channel="none")
    reminded("r-3")
    upstream.applied("resident.erase", "r-3")
    send()
    assert outbox.sent == []
    assert [(state, code) for state, code, *_ in ledger()] == [
        ("dropped", "settled"),
        ("dropped", "not_wanted"),
        ("dropped", "settled"),
    ]


def test_a_channels_rate_limit_is_kept(outbox: Outbox, send: Send, reminded: Remind, ledger: Ledger) -> None:
    for number in range(12):
        reminded(f"r-{number}")
    outbox.limits = (Limit(50, 3600),)
    send()
    assert 1 <= len(outbox.sent) <= 5
    assert [state for state, *_ in ledger()].count("due") == 12 - len(outbox.sent)


def test_a_used_up_limit_is_not_waited_for_without_due_reminders(outbox: Outbox, send: Send, reminded: Remind) -> None:
    outbox.limits = (Limit(1, 86_400),)
    reminded()
    send()
    assert (len(outbox.sent), send()) == (1, False)


def test_a_claim_without_due_reminders_takes_nothing_of_the_limit(outbox: Outbox, send: Send, reminded: Remind) -> None:
    outbox.limits = (Limit(50, 3600),)
    for _ in range(8):
        send()
    for number in range(4):
        reminded(f"r-{number}")
    send()
    assert len(outbox.sent) == 4


def test_a_reminder_for_another_channel_is_not_claimed(
    hub: Hub, outbox: Outbox, send: Send, reminded: Remind, evidence: Evidence
) -> None:
    reminded()
    evidence.query("UPDATE residents SET reminders = 'sms' RETURNING 1")
    send()
    assert outbox.sent == []
    assert due_channels(hub, ["email", "sms"]) == ["sms"]


def test_a_limit_per_second_is_waited_for_within_a_run(outbox: Outbox, send: Send, reminded: Remind) -> None:
    for number in range(15):
        reminded(f"r-{number}")
    outbox.limits = (Limit(10, 1),)  # one at once, and nine more each second
    started = time.monotonic()
    send()
    assert len(outbox.sent) > 1
    eventually(lambda: not send())
    assert len(outbox.sent) == 15
    assert time.monotonic() - started > 1.4


def test_a_run_ends_within_a_tasks_time_and_a_lease() -> None:
    longest = sending_service.RUN_SECONDS + sending_service.SEND_SECONDS
    assert longest < remind.SOFT_LIMIT_SECONDS < remind.LIMIT_SECONDS < LEASE_SECONDS


def test_a_reminder_is_not_begun_with_too_little_time_and_counts_as_unsent(
    hub: Hub, outbox: Outbox, reminded: Remind, ledger: Ledger, today: date
) -> None:
    for number in range(3):
        reminded(f"r-{number}")
    asyncio.run(replace(sender_of(hub, outbox), seconds=sending_service.LEAST_SECONDS - 0.1).run(lambda: today))
    assert outbox.sent == []
    assert set(ledger()) == {("due", "no_time_left", 0, 0)}


def test_a_reminder_decided_a_day_early_is_sent_on_its_day(
    hub: Hub, outbox: Outbox, send: Send, reminded: Remind, ledger: Ledger, today: date
) -> None:
    reminded()
    send(today - timedelta(days=1))
    assert outbox.sent == []
    assert ledger()[0][:2] == ("dropped", "early")
    decide(hub, today)
    send()
    assert outbox.offsets == [30]
    assert len(ledger()) == 1


def test_a_clock_months_ahead_for_one_tick_loses_no_reminder(
    hub: Hub, outbox: Outbox, send: Send, reminded: Remind, today: date
) -> None:
    reminded(days=31)
    decide(hub, today + timedelta(days=32))
    for day in range(40):
        decide(hub, today + timedelta(days=day))
        send(today + timedelta(days=day))
    assert outbox.offsets == [31, 30, 7, 0, -1]


def test_stopping_and_choosing_reminders_again_loses_none(
    hub: Hub, upstream: Upstream, outbox: Outbox, send: Send, reminded: Remind, today: date
) -> None:
    reminded()
    upstream.applied("resident.choose_reminders", channel="none")
    send()
    upstream.applied("resident.choose_reminders", channel="email")
    decide(hub, today)
    send()
    assert outbox.offsets == [30]


def test_sending_logs_no_personal_data(
    outbox: Outbox, send: Send, reminded: Remind, capsys: pytest.CaptureFixture[str]
) -> None:
    reminded()
    outbox.failure = failing(AddressRefusedError, "no_such_mailbox")
    send()
    printed = capsys.readouterr().out
    assert "no_such_mailbox" in printed
    assert not [word for word in (*CONTACT.values(),) if word in printed and word != "fr"]
