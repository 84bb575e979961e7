"""A server that refuses everyone marks few addresses; a server that accepts others is believed."""

import asyncio
from collections.abc import Callable
from datetime import date
from itertools import count

import pytest

from integrations.channels.base import AddressRefusedError, Notice
from tests.services.evidence import Evidence
from tests.services.outbox import Outbox, sender_of
from tests.services.reminders.test_decide import CONTACT, decide
from tests.services.upstream import Upstream
from worker.hub import Hub
from worker.services.reminders.send import EVERYONE_REFUSED, MOST_REFUSALS, Sender

RESIDENTS = 12
MARKED = "SELECT count(*) FROM residents WHERE email_refused_at IS NOT NULL"
LEDGER = "SELECT state, code, count(*) FROM reminders GROUP BY 1, 2 ORDER BY 1"
PROBLEM = "SELECT problem FROM channels"
LET_TIME_PASS = "UPDATE reminders SET due_at = now() WHERE state = 'due' RETURNING 1"


@pytest.fixture
def sender(hub: Hub, outbox: Outbox) -> Sender:
    return sender_of(hub, outbox)


@pytest.fixture
def send(sender: Sender, evidence: Evidence, today: date) -> Callable[[], None]:
    def send() -> None:
        evidence.query(LET_TIME_PASS)
        asyncio.run(sender.run(lambda: today))

    return send


@pytest.fixture(autouse=True)
def reminded(hub: Hub, upstream: Upstream, today: date) -> None:
    """Decide a reminder for each of some residents."""
    for number in range(RESIDENTS):
        upstream.applied("resident.update_contact", f"r-{number}", **CONTACT | {"email": f"{number}@example.fr"})
        terms = [{"first_day": upstream.day(-334), "last_day": upstream.day(30)}]
        upstream.take_over(upstream.row(f"r-{number}", terms=terms))
    assert decide(hub, today) == RESIDENTS


def refused(_notice: Notice) -> AddressRefusedError:
    return AddressRefusedError("email", "address_refused", status=550)


def test_a_server_that_refuses_everyone_costs_a_few_addresses_and_no_reminder(
    outbox: Outbox, send: Callable[[], None], evidence: Evidence
) -> None:
    outbox.failure = refused
    send()
    assert evidence.query(MARKED) == [(MOST_REFUSALS,)]
    assert evidence.query(LEDGER) == [
        ("due", EVERYONE_REFUSED, RESIDENTS - MOST_REFUSALS),
        ("unreachable", "address_refused", MOST_REFUSALS),
    ]
    assert evidence.query(PROBLEM) == [(EVERYONE_REFUSED,)]
    send()
    assert evidence.query(MARKED) == [(MOST_REFUSALS,)]
    outbox.failure = lambda _: None
    send()
    assert len(outbox.sent) == RESIDENTS - MOST_REFUSALS
    assert evidence.query(PROBLEM) == [(None,)]


def test_refusals_count_when_the_server_accepts_other_addresses(
    outbox: Outbox, send: Callable[[], None], evidence: Evidence
) -> None:
    outbox.at_once = 1
    turn = count()
    outbox.failure = lambda notice: refused(notice) if next(turn) % 2 else None
    send()
    assert evidence.query(MARKED) == [(RESIDENTS // 2,)]
    assert len(outbox.sent) == RESIDENTS // 2
    assert evidence.query(PROBLEM) == [(None,)]


def test_impossible_addresses_are_marked_without_asking_a_server(
    outbox: Outbox, send: Callable[[], None], evidence: Evidence
) -> None:
    outbox.failure = lambda _: AddressRefusedError("email", "smtputf8_not_offered")
    send()
    assert evidence.query(LEDGER) == [("unreachable", "smtputf8_not_offered", RESIDENTS)]
    assert evidence.query(MARKED) == [(RESIDENTS,)]
    assert evidence.query(PROBLEM) == [(None,)]
