"""Decided reminders, and a channel in memory to send them through.

- `reminded()`: gives a resident a permit and decides its reminder.
- `outbox`: the notices sent, and how the channel fails; `send()` sends the due reminders through it.
- `ledger()`: the record of each reminder; `later()` lets every wait run out.
"""

import asyncio
from uuid import UUID

import pytest

from tests.services.outbox import Outbox, sender_of
from tests.services.reminders.test_decide import CONTACT, decide
from tests.services.upstream import ANNE


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Wait for Redis as long as a busy machine needs: a limiter without it grants less."""
    monkeypatch.setattr("worker.limiter.REDIS_SECONDS", 10.0)


@pytest.fixture
def outbox():
    return Outbox()


@pytest.fixture
def send(hub, outbox, today):
    """Send the due reminders through the outbox, on a day; return whether more may be due."""

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
    """Return state, code, failures and maybe_sent of each reminder."""

    def ledger():
        return evidence.query("SELECT state, code, failures, maybe_sent FROM reminders ORDER BY decided_at")

    return ledger


@pytest.fixture
def later(evidence):
    """Let every wait run out."""

    def later():
        evidence.query("UPDATE reminders SET due_at = now() WHERE state = 'due' RETURNING 1")

    return later
