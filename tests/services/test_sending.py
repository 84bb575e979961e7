"""A reminder goes out from the truth as it stands, once; whatever fails, the others go out and none is lost."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from integrations.base import Limit
from integrations.channels.base import (
    AddressRefusedError,
    AwayError,
    LaterError,
    RefusedError,
    UnclearError,
)
from tests.services.outbox import Outbox, sender_of
from tests.services.test_reminders import CONTACT, decide, renew
from tests.services.upstream import ANNE
from worker.db.reminders import LEASE_SECONDS
from worker.services import sending
from worker.services.reminders import due_channels
from worker.tasks import remind


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def send(hub, outbox, today):
    """Send what is due through the outbox, on a day; return whether more may be due."""

    def send(day=today):
        return asyncio.run(sender_of(hub, outbox).run(lambda: day))

    return send


@pytest.fixture
def reminded(hub, upstream, today):
    """Give a resident a permit that ends in so many days, and decide its reminder; return the permit's id."""

    def reminded(resident=ANNE, days=30, **contact):
        upstream.applied("resident.update_contact", resident, **CONTACT | contact)
        row = upstream.row(resident, terms=[{"first_day": upstream.day(days - 364), "last_day": upstream.day(days)}])
        upstream.take_over(row)
        assert decide(hub, today) == 1
        return UUID(row["permit_id"])

    return reminded


@pytest.fixture
def ledger(evidence):
    """Return state, code, failures and doubts of each reminder."""

    def ledger():
        return evidence.query("SELECT state, code, failures, doubts FROM reminders ORDER BY decided_at")

    return ledger


@pytest.fixture
def later(evidence):
    """Let the time pass that whatever waits is waiting for."""

    def later():
        evidence.query("UPDATE reminders SET due_at = now() WHERE state = 'due' RETURNING 1")

    return later


def failing(error, code="code"):
    return lambda notice: error("email", code)


def test_a_due_reminder_is_sent_and_then_no_more(hub, outbox, send, reminded, ledger):
    reminded()
    assert due_channels(hub, ["email"]) == ["email"]
    send()
    send()
    assert [notice.address for notice in outbox.sent] == ["elodie@example.fr"]
    assert ledger() == [("sent", None, 0, 1)]
    assert due_channels(hub, ["email"]) == []


def test_many_are_sent_in_one_run(outbox, send, reminded):
    for number in range(40):
        reminded(f"r-{number}")
    assert send() is False
    assert len({notice.reminder_id for notice in outbox.sent}) == len(outbox.sent) == 40


def test_two_workers_send_each_once(hub, outbox, reminded, today):
    for number in range(50):
        reminded(f"r-{number}")

    async def both():
        await asyncio.gather(
            *(asyncio.to_thread(asyncio.run, sender_of(hub, outbox).run(lambda: today)) for _ in range(3))
        )

    asyncio.run(both())
    assert len({notice.reminder_id for notice in outbox.sent}) == len(outbox.sent) == 50


def test_an_address_that_changed_since_is_the_one_written_to(upstream, outbox, send, reminded):
    reminded()
    upstream.applied("resident.update_contact", **CONTACT | {"email": "new@example.fr", "language": "en"})
    send()
    assert [(notice.address, notice.language) for notice in outbox.sent] == [("new@example.fr", "en")]


def test_what_was_renewed_stopped_or_erased_since_is_not_sent(upstream, outbox, send, reminded, ledger):
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


def test_a_server_that_is_away_for_days_loses_nothing_and_the_right_one_is_sent_after(
    hub, outbox, send, reminded, later, ledger, today
):
    reminded()
    outbox.failure = failing(AwayError, "not_connected")
    for day in range(25):
        decide(hub, today + timedelta(days=day))
        send(today + timedelta(days=day))
        later()
    assert {(state, code) for state, code, *_ in ledger()} == {("due", "not_connected"), ("dropped", "superseded")}
    outbox.failure = lambda _: None
    send(today + timedelta(days=25))
    assert outbox.offsets == [5]


def test_while_a_channel_is_away_the_rest_of_a_batch_is_not_tried(hub, outbox, send, reminded, evidence, ledger):
    asked = []
    for number in range(20):
        reminded(f"r-{number}")
    outbox.at_once = 1
    outbox.failure = lambda notice: asked.append(notice) or AwayError("email", "not_connected")
    assert send() is False
    assert len(asked) == 1
    assert {(state, *doubts) for state, _, *doubts in ledger()} == {("due", 0, 0)}
    assert evidence.query("SELECT channel, problem FROM channels") == [("email", "not_connected")]
    outbox.failure = lambda _: None
    evidence.query("UPDATE reminders SET due_at = now() RETURNING 1")
    send()
    assert evidence.query("SELECT problem FROM channels") == [(None,)]


def test_one_that_is_put_off_waits_longer_each_time_and_holds_up_nobody(
    outbox, send, reminded, later, ledger, evidence, upstream
):
    reminded("r-grey", email="grey@example.fr")
    reminded()
    outbox.failure = lambda notice: LaterError("email", "put_off") if notice.address.startswith("grey") else None
    for _ in range(3):
        send()
        wait = evidence.value("SELECT extract(epoch FROM due_at - now())::int FROM reminders WHERE state = 'due'")
        later()
    assert ledger() == [("due", "put_off", 3, 0), ("sent", None, 0, 1)]
    assert 100 <= wait <= 240
    outbox.failure = lambda _: None
    send()
    assert sorted(notice.address for notice in outbox.sent) == ["elodie@example.fr", "grey@example.fr"]


def test_an_address_refused_for_good_is_marked_shown_and_told(outbox, send, reminded, ledger, evidence):
    reminded()
    outbox.failure = failing(AddressRefusedError, "no_such_mailbox")
    send()
    assert ledger() == [("refused", "no_such_mailbox", 0, 0)]
    assert evidence.space(ANNE).reminders.email_refused_at is not None
    assert evidence.told(ANNE)[-1].type == "resident.email_refused"


def test_a_new_address_gets_what_the_old_one_refused(upstream, outbox, send, reminded, evidence):
    reminded()
    outbox.failure = failing(AddressRefusedError)
    send()
    outbox.failure = lambda _: None
    upstream.applied("resident.update_contact", **CONTACT)
    assert evidence.space(ANNE).reminders.email_refused_at is not None, "the same address is still refused"
    upstream.applied("resident.update_contact", **CONTACT | {"email": "new@example.fr"})
    assert evidence.space(ANNE).reminders.email_refused_at is None
    send()
    assert [notice.address for notice in outbox.sent] == ["new@example.fr"]


def test_an_address_that_was_refused_can_be_given_another_try(upstream, outbox, send, reminded, evidence):
    reminded()
    outbox.failure = failing(AddressRefusedError)
    send()
    outbox.failure = lambda _: None
    upstream.applied("resident.choose_reminders", channel="email")
    assert evidence.space(ANNE).reminders.email_refused_at is None
    send()
    assert len(outbox.sent) == 1


def test_an_address_that_is_another_by_the_time_it_is_refused_is_not_marked(upstream, outbox, send, reminded, evidence):
    reminded()

    def change(_notice):
        upstream.applied("resident.update_contact", **CONTACT | {"email": "new@example.fr"})
        return AddressRefusedError("email", "no_such_mailbox")

    outbox.failure = change
    send()
    assert evidence.space(ANNE).reminders.email_refused_at is None


def test_a_message_refused_for_good_is_not_the_addresss_fault(outbox, send, reminded, ledger, evidence):
    reminded()
    outbox.failure = failing(RefusedError, "message_refused")
    send()
    assert ledger() == [("refused", "message_refused", 0, 0)]
    assert evidence.value("SELECT email_refused_at FROM residents") is None


def test_what_may_have_been_sent_is_sent_once_more_and_never_again(outbox, send, reminded, later, ledger):
    reminded()
    outbox.failure, outbox.late = failing(UnclearError, "connection_lost"), True
    for _ in range(5):
        send()
        later()
    assert ledger() == [("unclear", "connection_lost", 0, 2)]
    assert len(outbox.sent) == 2
    assert len({notice.reminder_id for notice in outbox.sent}) == 1


@pytest.mark.parametrize("kills", [1, 5])
def test_a_worker_killed_between_sending_and_recording_costs_one_duplicate_at_most(
    outbox, send, reminded, later, ledger, kills
):
    reminded()
    outbox.failure, outbox.late = lambda _: KeyboardInterrupt(), True
    for _ in range(kills):
        try:
            send()
        except KeyboardInterrupt:
            assert ledger()[0][0] == "due"
        later()
    outbox.failure = lambda _: None
    send()
    assert len(outbox.sent) == 2
    assert len({notice.reminder_id for notice in outbox.sent}) == 1
    assert ledger()[0][0] == ("sent" if kills == 1 else "unclear")


def test_whoever_comes_late_with_a_result_changes_nothing(hub, evidence, outbox, send, reminded, ledger, later):
    reminded()

    def lose_the_lease(_notice):
        evidence.query("UPDATE reminders SET lease_id = gen_random_uuid() RETURNING 1")

    outbox.failure = lose_the_lease
    send()
    assert ledger()[0][0] == "due"


def test_one_that_cannot_be_written_does_not_keep_the_others_from_going_out(outbox, send, reminded, ledger):
    for number in range(3):
        reminded(f"r-{number}", email=f"r{number}@example.fr")
    outbox.failure = lambda notice: ZeroDivisionError() if notice.address.startswith("r1") else None
    send()
    assert sorted(notice.address for notice in outbox.sent) == ["r0@example.fr", "r2@example.fr"]
    assert ledger()[1] == ("due", "channel_failed", 1, 0)


def test_no_more_go_out_than_the_channel_allows(outbox, send, reminded, ledger):
    for number in range(12):
        reminded(f"r-{number}")
    outbox.limits = (Limit(50, 3600),)
    send()
    assert 1 <= len(outbox.sent) <= 5
    assert [state for state, *_ in ledger()].count("due") == 12 - len(outbox.sent)


def test_looking_for_what_is_due_uses_up_nothing_of_the_limit(outbox, send, reminded):
    outbox.limits = (Limit(50, 3600),)
    for _ in range(8):
        send()
    for number in range(4):
        reminded(f"r-{number}")
    send()
    assert len(outbox.sent) == 4


def test_a_resident_who_wants_another_channel_is_left_to_it(hub, outbox, send, reminded, evidence):
    reminded()
    evidence.query("UPDATE residents SET reminders = 'sms' RETURNING 1")
    send()
    assert outbox.sent == []
    assert due_channels(hub, ["email", "sms"]) == ["sms"]


def test_a_limit_of_some_each_second_is_used_up_within_a_run(outbox, send, reminded):
    for number in range(15):
        reminded(f"r-{number}")
    outbox.limits = (Limit(10, 1),)
    started = time.monotonic()
    send()
    assert len(outbox.sent) == 15
    assert time.monotonic() - started > 0.5


def test_all_of_a_run_ends_within_a_tasks_time_and_a_lease():
    longest = sending.RUN_SECONDS + sending.SEND_SECONDS
    assert longest < remind.SOFT_LIMIT_SECONDS < remind.LIMIT_SECONDS < LEASE_SECONDS


def test_none_is_begun_with_too_little_time_left_and_none_of_those_is_in_doubt(hub, outbox, reminded, ledger, today):
    for number in range(3):
        reminded(f"r-{number}")
    asyncio.run(replace(sender_of(hub, outbox), seconds=sending.LEAST_SECONDS - 0.1).run(lambda: today))
    assert outbox.sent == []
    assert set(ledger()) == {("due", "no_time_left", 0, 0)}


def test_what_was_decided_by_a_clock_that_is_a_day_ahead_is_sent_when_its_day_has_come(
    hub, outbox, send, reminded, ledger, today
):
    reminded()
    send(today - timedelta(days=1))
    assert outbox.sent == []
    assert ledger()[0][:2] == ("dropped", "early")
    decide(hub, today)
    send()
    assert outbox.offsets == [30]
    assert len(ledger()) == 1


def test_one_tick_of_a_clock_that_is_months_ahead_costs_no_reminder(hub, outbox, send, reminded, today):
    reminded(days=31)
    decide(hub, today + timedelta(days=32))
    for day in range(40):
        decide(hub, today + timedelta(days=day))
        send(today + timedelta(days=day))
    assert outbox.offsets == [31, 30, 7, 0, -1]


def test_a_wish_that_is_taken_back_and_given_again_costs_no_reminder(hub, upstream, outbox, send, reminded, today):
    reminded()
    upstream.applied("resident.choose_reminders", channel="none")
    send()
    upstream.applied("resident.choose_reminders", channel="email")
    decide(hub, today)
    send()
    assert outbox.offsets == [30]


def test_an_address_that_cannot_be_marked_now_costs_nobody_a_second_message(hub, outbox, send, reminded, evidence):
    for number in range(4):
        reminded(f"r-{number}", email=f"r{number}@example.fr")
    outbox.failure = lambda notice: AddressRefusedError("email", "no") if notice.address.startswith("r0") else None
    with evidence.database.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM residents WHERE resident_id = 'r-0' FOR UPDATE")
        send()
    outbox.failure = lambda _: None
    evidence.query("UPDATE reminders SET due_at = now() RETURNING 1")
    send()
    assert sorted(notice.address for notice in outbox.sent) == ["r1@example.fr", "r2@example.fr", "r3@example.fr"]


def test_nothing_personal_is_logged(outbox, send, reminded, capsys):
    reminded()
    outbox.failure = failing(AddressRefusedError, "no_such_mailbox")
    send()
    printed = capsys.readouterr().out
    assert "no_such_mailbox" in printed
    assert not [word for word in (*CONTACT.values(),) if word in printed and word != "fr"]
