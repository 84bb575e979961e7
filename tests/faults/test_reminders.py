"""Reminders through a mail server that is unavailable, slow or greylists, and from workers that are killed."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from ops.canary import Canary
from tests.faults.harness import Stack
from tests.faults.people import NOWHERE, Person, holders, people
from tests.support.post_office import PostOffice
from tests.support.waiting import eventually

WORKER = "remind"
STATE = "SELECT state, code, maybe_sent FROM reminders WHERE permit_id = %s"
LEASED = "SELECT count(*) FROM reminders WHERE permit_id = %s AND lease_id IS NOT NULL"
SWEPT = "SELECT tick FROM ticks WHERE task = 'calendar.sweep'"
MISSED = "SELECT ticked_at < now() - make_interval(secs => seconds + 1) FROM ticks WHERE task = 'calendar.remind'"
DAYS_LATER = """
    WITH ended AS (UPDATE terms SET last_day = last_day - %s WHERE permit_id = %s RETURNING permit_id)
    UPDATE reminders SET day = day - %s, due_at = now() + interval '1 hour' FROM ended
    WHERE reminders.permit_id = ended.permit_id RETURNING 1
"""


@pytest.fixture
def post_office(stack: Stack) -> Iterator[PostOffice]:
    """Return the mail server that the stack's settings name, started."""
    office = PostOffice(int(stack.environment["PERMIT_HUB_EMAIL_PORT"]))
    office.open()
    yield office
    office.close()


def reminded(stack: Stack, person: Person) -> None:
    """Make a permit end in 30 days, with a resident who can be mailed; the hub does the rest."""
    stack.query(
        "UPDATE terms SET last_day = (now() AT TIME ZONE 'Europe/Paris')::date + 30 WHERE permit_id = %s RETURNING 1",
        person.permit_id,
    )
    person.does(person.contact())


def days_later(stack: Stack, person: Person, days: int) -> None:
    """Turn a decided reminder into one that was decided days ago and waits."""
    stack.query(DAYS_LATER, days, person.permit_id, days)


def worked_off(stack: Stack, queue: str) -> None:
    """Wait until all messages on a queue have been taken and done."""
    with closing(Canary(stack.valkey.url, stack.prefix)) as canary:
        ping = canary.send(queue)
        eventually(lambda: canary.was_answered(ping), "the queue's last message taken")
    eventually(lambda: not stack.redis.exists(f"{stack.prefix}taken"), "all done that was taken")


def state(stack: Stack, person: Person) -> tuple[str, str | None, int] | None:
    found = stack.query(STATE, person.permit_id)
    return found[0] if found else None


def lease_over(stack: Stack, person: Person) -> None:
    """Let a lease, or a reminder's wait, run out."""
    stack.query(
        "UPDATE reminders SET due_at = now() WHERE permit_id = %s AND state = 'due' RETURNING 1", person.permit_id
    )


def settled(stack: Stack, person: Person, expected: str) -> None:
    def is_settled() -> bool:
        found = state(stack, person)
        return found is not None and found[0] == expected

    eventually(is_settled, f"the reminder {expected}")


def test_a_due_reminder_reaches_the_resident(stack: Stack, post_office: PostOffice) -> None:
    (person,) = people(stack, 1)
    reminded(stack, person)
    settled(stack, person, "sent")
    (message,) = post_office.to(person.email)
    body = message.get_body(("plain",))
    assert body is not None
    assert person.raw_plate().upper() in body.get_content()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_worker_killed_between_sending_and_recording_costs_one_duplicate_with_the_same_id(
    stack: Stack, post_office: PostOffice
) -> None:
    (person,) = people(stack, 1)
    post_office.held.clear()
    reminded(stack, person)
    eventually(lambda: post_office.to(person.email), "the message taken, and its answer awaited")
    stack.kill(WORKER)
    post_office.held.set()
    found = state(stack, person)
    assert found is not None
    assert found[0] == "due"
    lease_over(stack, person)
    settled(stack, person, "sent")
    first, second = post_office.to(person.email)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_reminder_is_sent_twice_at_most_when_workers_are_killed_repeatedly(
    stack: Stack, post_office: PostOffice
) -> None:
    (person,) = people(stack, 1)
    post_office.held.clear()
    reminded(stack, person)
    for times in (1, 2):
        eventually(lambda: len(post_office.to(person.email)), "the message taken", equals=times)
        stack.kill(WORKER)
        lease_over(stack, person)
    post_office.held.set()
    settled(stack, person, "unclear")
    assert len(post_office.to(person.email)) == 2


def test_an_unavailable_mail_server_loses_and_duplicates_no_reminder(stack: Stack, post_office: PostOffice) -> None:
    post_office.close()
    (person,) = people(stack, 1)
    reminded(stack, person)
    eventually(lambda: (state(stack, person) or ("", None, 1))[1] is not None, "the attempt that found nobody")
    assert state(stack, person) == ("due", "not_connected", 0)
    eventually(
        lambda: stack.scalar("SELECT problem FROM channels"),
        "the channel known to be unavailable",
        equals="not_connected",
    )
    post_office.open()
    settled(stack, person, "sent")
    assert len(post_office.to(person.email)) == 1
    eventually(lambda: stack.scalar("SELECT problem FROM channels") is None, "the channel known to work")


def test_after_a_mail_outage_only_the_reminder_that_matters_now_is_sent(stack: Stack, post_office: PostOffice) -> None:
    post_office.close()
    (person,) = people(stack, 1)
    reminded(stack, person)
    eventually(lambda: state(stack, person), "one of 30 days that cannot be sent", equals=("due", "not_connected", 0))
    days_later(stack, person, 24)
    eventually(
        lambda: stack.scalar(f"SELECT count(*) FROM ({STATE}) r", person.permit_id), "one of 7 days, too", equals=2
    )
    post_office.open()
    lease_over(stack, person)
    eventually(lambda: post_office.to(person.email), "the reminder")
    eventually(lambda: "due" not in str(stack.query(STATE, person.permit_id)), "both settled")
    rows = stack.query(
        "SELECT days_ahead, state, code FROM reminders WHERE permit_id = %s ORDER BY 1", person.permit_id
    )
    assert rows == [(7, "sent", None), (30, "dropped", "superseded")]
    assert len(post_office.to(person.email)) == 1


def test_a_greylisted_reminder_is_sent_later(stack: Stack, post_office: PostOffice) -> None:
    (person,) = people(stack, 1)
    post_office.on_recipient = lambda _: "450 4.2.0 greylisted, come back later"
    reminded(stack, person)
    eventually(lambda: (state(stack, person) or ("", None, 1))[1] is not None, "put off")
    assert post_office.to(person.email) == []
    post_office.behave()
    lease_over(stack, person)
    settled(stack, person, "sent")
    assert len(post_office.to(person.email)) == 1


def test_a_refused_address_shows_in_the_space_and_a_new_one_gets_the_reminder(
    stack: Stack, post_office: PostOffice
) -> None:
    (person,) = people(stack, 1)
    refused = person.email
    post_office.on_recipient = lambda address: "550 5.1.1 no such mailbox" if address == refused else "250 OK"
    reminded(stack, person)
    settled(stack, person, "unreachable")

    def is_marked() -> bool:
        space = stack.hub.space(person.resident_id)
        return space is not None and space["reminders"]["email_refused_at"] is not None

    eventually(is_marked, "the address marked in the space")
    person.email = f"new-{refused}"
    person.does(person.contact())
    settled(stack, person, "sent")
    assert len(post_office.to(person.email)) == 1
    space = stack.hub.space(person.resident_id)
    assert space is not None
    assert space["reminders"]["email_refused_at"] is None


def test_a_slow_mail_server_delays_no_withdrawal_and_no_sweep(stack: Stack, post_office: PostOffice) -> None:
    slow, other = people(stack, 2)
    other.shares()
    post_office.held.clear()
    reminded(stack, slow)
    eventually(lambda: post_office.to(slow.email), "the message taken, and its answer awaited")
    other.does(other.refusal())
    eventually(lambda: holders(stack, other.plate()), "removed everywhere", equals=NOWHERE)
    swept = stack.scalar(SWEPT)
    eventually(lambda: stack.scalar(SWEPT) != swept, "another sweep")
    assert stack.scalar(LEASED, slow.permit_id) == 1, "all of that took longer than the mail server is waited for"
    post_office.held.set()
    settled(stack, slow, "sent")


def test_a_beat_that_was_stopped_decides_one_reminder(stack: Stack, post_office: PostOffice) -> None:
    (person,) = people(stack, 1)
    eventually(lambda: stack.query(MISSED), "the first tick")
    with stack.frozen("beat"):
        worked_off(stack, "calendar")
        reminded(stack, person)
        eventually(lambda: stack.scalar(MISSED), "a tick that did not come")
        assert state(stack, person) is None
    settled(stack, person, "sent")
    assert len(stack.query(STATE, person.permit_id)) == len(post_office.to(person.email)) == 1
