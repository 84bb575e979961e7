"""A failed reminder stops no other, none is lost, and one that may have been sent is sent twice at most."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from integrations.channels.base import LaterError, Notice, NoticeRefusedError, NoticeUnclearError, UnavailableError
from tests.services.evidence import Evidence
from tests.services.outbox import Ledger, Outbox, Remind, Send, failing
from tests.services.reminders.test_decide import CONTACT, decide
from tests.services.upstream import Upstream
from worker.hub import Hub


def test_after_days_without_a_server_the_reminder_that_matters_is_sent(
    hub: Hub,
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    later: Callable[[], None],
    ledger: Ledger,
    today: date,
) -> None:
    reminded()
    outbox.failure = failing(UnavailableError, "not_connected")
    for day in range(25):
        decide(hub, today + timedelta(days=day))
        send(today + timedelta(days=day))
        later()
    assert {(state, code) for state, code, *_ in ledger()} == {("due", "not_connected"), ("dropped", "superseded")}
    outbox.failure = lambda _: None
    send(today + timedelta(days=25))
    assert outbox.offsets == [5]


def test_an_unavailable_channel_ends_its_batch(
    hub: Hub,
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    evidence: Evidence,
    ledger: Ledger,
) -> None:
    asked: list[Notice] = []

    def fail(notice: Notice) -> UnavailableError:
        asked.append(notice)
        return UnavailableError("email", "not_connected")

    for number in range(20):
        reminded(f"r-{number}")
    outbox.at_once = 1
    outbox.failure = fail
    assert send() is False
    assert len(asked) == 1
    assert {(state, *maybe_sent) for state, _, *maybe_sent in ledger()} == {("due", 0, 0)}
    assert evidence.query("SELECT channel, problem FROM channels") == [("email", "not_connected")]
    outbox.failure = lambda _: None
    evidence.query("UPDATE reminders SET due_at = now() RETURNING 1")
    send()
    assert evidence.query("SELECT problem FROM channels") == [(None,)]


def test_a_deferred_reminder_waits_longer_each_time_and_delays_no_other(
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    later: Callable[[], None],
    ledger: Ledger,
    evidence: Evidence,
    upstream: Upstream,
) -> None:
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


def test_a_message_refused_for_good_does_not_mark_the_address(
    upstream: Upstream,
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    ledger: Ledger,
    evidence: Evidence,
) -> None:
    reminded()
    outbox.failure = failing(NoticeRefusedError, "message_refused")
    send()
    assert ledger() == [("refused", "message_refused", 0, 0)]
    assert evidence.value("SELECT email_refused_at FROM residents") is None
    upstream.applied("resident.update_contact", **CONTACT)  # as each sign-in does
    send()
    assert ledger() == [("refused", "message_refused", 0, 0)]


def test_a_reminder_that_may_have_been_sent_is_sent_once_more_only(
    outbox: Outbox, send: Send, reminded: Remind, later: Callable[[], None], ledger: Ledger
) -> None:
    reminded()
    outbox.failure, outbox.late = failing(NoticeUnclearError, "connection_lost"), True
    for _ in range(5):
        send()
        later()
    assert ledger() == [("unclear", "connection_lost", 0, 2)]
    assert len(outbox.sent) == 2
    assert len({notice.reminder_id for notice in outbox.sent}) == 1


@pytest.mark.parametrize("kills", [1, 5])
def test_a_worker_killed_between_sending_and_recording_costs_one_duplicate_at_most(
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    later: Callable[[], None],
    ledger: Ledger,
    kills: int,
) -> None:
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


def test_a_late_result_changes_nothing(
    hub: Hub,
    evidence: Evidence,
    outbox: Outbox,
    send: Send,
    reminded: Remind,
    ledger: Ledger,
    later: Callable[[], None],
) -> None:
    reminded()

    def lose_the_lease(_notice: Notice) -> None:
        evidence.query("UPDATE reminders SET lease_id = gen_random_uuid() RETURNING 1")

    outbox.failure = lose_the_lease
    send()
    assert ledger()[0][0] == "due"


def test_a_fault_in_one_reminder_does_not_stop_the_others(
    outbox: Outbox, send: Send, reminded: Remind, ledger: Ledger
) -> None:
    for number in range(3):
        reminded(f"r-{number}", email=f"r{number}@example.fr")
    outbox.failure = lambda notice: ZeroDivisionError() if notice.address.startswith("r1") else None
    send()
    assert sorted(notice.address for notice in outbox.sent) == ["r0@example.fr", "r2@example.fr"]
    assert ledger()[1] == ("due", "channel_failed", 0, 1)


def test_a_fault_after_sending_costs_one_duplicate_at_most(
    outbox: Outbox, send: Send, reminded: Remind, later: Callable[[], None], ledger: Ledger
) -> None:
    reminded()
    outbox.failure, outbox.late = lambda _: ZeroDivisionError(), True
    for _ in range(4):
        send()
        later()
    assert len(outbox.sent) == 2
    assert ledger() == [("unclear", "channel_failed", 0, 2)]
