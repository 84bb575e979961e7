"""A server that refuses everyone costs a few residents their address at most; one that takes others is believed."""

import asyncio
from itertools import count

import pytest

from integrations.channels.base import AddressRefusedError
from tests.services.outbox import sender_of
from tests.services.reminders.test_decide import CONTACT, decide
from worker.services.reminders.send import BELIEVED, EVERYONE_REFUSED

RESIDENTS = 12
MARKED = "SELECT count(*) FROM residents WHERE email_refused_at IS NOT NULL"
LEDGER = "SELECT state, code, count(*) FROM reminders GROUP BY 1, 2 ORDER BY 1"
PROBLEM = "SELECT problem FROM channels"
LET_TIME_PASS = "UPDATE reminders SET due_at = now() WHERE state = 'due' RETURNING 1"


@pytest.fixture
def sender(hub, outbox):
    return sender_of(hub, outbox)


@pytest.fixture
def send(sender, evidence, today):
    def send():
        evidence.query(LET_TIME_PASS)
        asyncio.run(sender.run(lambda: today))

    return send


@pytest.fixture(autouse=True)
def reminded(hub, upstream, today):
    """Decide a reminder for each of some residents."""
    for number in range(RESIDENTS):
        upstream.applied("resident.update_contact", f"r-{number}", **CONTACT | {"email": f"{number}@example.fr"})
        terms = [{"first_day": upstream.day(-334), "last_day": upstream.day(30)}]
        upstream.take_over(upstream.row(f"r-{number}", terms=terms))
    assert decide(hub, today) == RESIDENTS


def refused(_notice):
    return AddressRefusedError("email", "address_refused", status=550)


def test_a_server_that_refuses_everyone_costs_a_few_addresses_and_no_reminder(outbox, send, evidence):
    outbox.failure = refused
    send()
    assert evidence.query(MARKED) == [(BELIEVED,)]
    assert evidence.query(LEDGER) == [
        ("due", EVERYONE_REFUSED, RESIDENTS - BELIEVED),
        ("unreachable", "address_refused", BELIEVED),
    ]
    assert evidence.query(PROBLEM) == [(EVERYONE_REFUSED,)]
    send()
    assert evidence.query(MARKED) == [(BELIEVED,)]
    outbox.failure = lambda _: None
    send()
    assert len(outbox.sent) == RESIDENTS - BELIEVED
    assert evidence.query(PROBLEM) == [(None,)]


def test_a_server_that_takes_others_meanwhile_is_believed(outbox, send, evidence):
    outbox.at_once = 1
    turn = count()
    outbox.failure = lambda notice: refused(notice) if next(turn) % 2 else None
    send()
    assert evidence.query(MARKED) == [(RESIDENTS // 2,)]
    assert len(outbox.sent) == RESIDENTS // 2
    assert evidence.query(PROBLEM) == [(None,)]


def test_addresses_that_no_server_was_asked_about_are_given_up_one_by_one(outbox, send, evidence):
    outbox.failure = lambda _: AddressRefusedError("email", "smtputf8_not_offered")
    send()
    assert evidence.query(LEDGER) == [("unreachable", "smtputf8_not_offered", RESIDENTS)]
    assert evidence.query(MARKED) == [(RESIDENTS,)]
    assert evidence.query(PROBLEM) == [(None,)]
