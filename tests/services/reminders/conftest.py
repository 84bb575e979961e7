"""Decided reminders, and a channel in memory to send them through.

- `reminded()`: gives a resident a permit and decides its reminder.
- `outbox`: the notices sent, and how the channel fails; `send()` sends the due reminders through it.
- `ledger()`: the record of each reminder; `later()` lets every wait run out.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest

from tests.services.evidence import Evidence
from tests.services.outbox import Ledger, Outbox, Remind, Send, sender_of
from tests.services.reminders.test_decide import CONTACT, decide
from tests.services.upstream import ANNE, Upstream
from worker.hub import Hub


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for Redis as long as a busy machine needs: a limiter without it grants less."""
    monkeypatch.setattr("worker.quick_redis.ANSWER_SECONDS", 10.0)


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def send(hub: Hub, outbox: Outbox, today: date) -> Send:
    """Send the due reminders through the outbox, on a day; return whether more may be due."""

    def send(day: date = today) -> bool:
        return asyncio.run(sender_of(hub, outbox).run(lambda: day))

    return send


@pytest.fixture
def reminded(hub: Hub, upstream: Upstream, today: date) -> Remind:
    """Give a resident a permit that ends in so many days, and decide its reminder; return the permit's id."""

    def reminded(resident: str = ANNE, days: int = 30, **contact: str) -> UUID:
        upstream.applied("resident.update_contact", resident, **CONTACT | contact)
        row = upstream.row(resident, terms=[{"first_day": upstream.day(days - 364), "last_day": upstream.day(days)}])
        upstream.take_over(row)
        assert decide(hub, today) == 1
        return UUID(row["permit_id"])

    return reminded


@pytest.fixture
def ledger(evidence: Evidence) -> Ledger:
    """Return state, code, failures and maybe_sent of each reminder."""

    def ledger() -> list[tuple[str, str | None, int, int]]:
        return evidence.query("SELECT state, code, failures, maybe_sent FROM reminders ORDER BY decided_at")

    return ledger


@pytest.fixture
def later(evidence: Evidence) -> Callable[[], None]:
    """Let every wait run out."""

    def later() -> None:
        evidence.query("UPDATE reminders SET due_at = now() WHERE state = 'due' RETURNING 1")

    return later
