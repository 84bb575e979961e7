"""The running stack that is measured, and its residents."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import redis
from permit_hub_client import Hub, Job

from bench import processes
from integrations.sandbox.control import Control
from ops.demo import account
from ops.embedded.postgres import DATABASE
from ops.embedded.stack import Stack
from ops.shown.space import APPS
from worker.settings import Settings

RECEIPT_SECONDS = 60.0
PATIENCE_SECONDS = 180.0
CITY = ZoneInfo(Settings.model_fields["time_zone"].default)
ROWS = 1_000  # permits in one import job, the maximum
TEXT: Any = account.consent("allow")["text"]
ADDRESS = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}

WAL_FILES = 40  # of 16 MB: more than any measure writes

PENDING = "SELECT count(*) FROM shares WHERE confirmed_version < wanted_version AND provider = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Inhabitant:
    """A resident with one active permit."""

    resident_id: str
    permit_id: UUID


@dataclass
class Ground:
    """A stack, and the connections to it."""

    stack: Stack
    hub: Hub
    redis: redis.Redis
    control: Control
    database: psycopg.Connection[tuple[Any, ...]]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @classmethod
    def on(cls, stack: Stack) -> "Ground":
        """Connect to a running stack, and fill its database's log."""
        ground = cls(
            stack,
            stack.client(),
            redis.Redis.from_url(stack.servers.valkey.url),
            Control(stack.sandboxes.url),
            stack.servers.postgres.connect(DATABASE),
        )
        fill_log(ground.database)
        return ground

    def close(self) -> None:
        """Close all connections."""
        self.hub.close()
        self.redis.close()
        self.control.close()
        self.database.close()

    def scalar(self, statement: str, *values: object) -> Any:
        """Ask the database for one value."""
        row = self.database.execute(statement, values or None).fetchone()
        return None if row is None else row[0]

    def until(self, check: Callable[[], object], what: str) -> None:
        """Poll until the check holds.

        Raises:
            TimeoutError: it did not hold in time.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not check():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {PATIENCE_SECONDS:g} s: {what}")
            time.sleep(0.01)

    def settle(self) -> None:
        """Wait until every share is confirmed."""
        self.until(lambda: self.scalar(PENDING, list(APPS)) == 0, "every share confirmed by the apps")

    def plate(self) -> dict[str, str]:
        """Return a plate that is free."""
        return {"raw": f"QZ-{next(self.numbers):06d}-X"}

    def import_of(self, number: int) -> tuple[Job, list[Inhabitant]]:
        """Return an import job of new residents, each with an active permit."""
        today = datetime.now(UTC).date()
        made = [Inhabitant(f"r-{uuid4().hex}", uuid4()) for _ in range(number)]
        rows = [
            {
                "resident_id": inhabitant.resident_id,
                "permit_id": inhabitant.permit_id,
                "status": "active",
                "requested_on": today,
                "plate": self.plate(),
                "profile": "standard",
                "address": ADDRESS,
                "zones": ["14A", "14B"],
                "terms": [{"first_day": today - timedelta(days=10), "last_day": today + timedelta(days=300)}],
            }
            for inhabitant in made
        ]
        return self.hub.job("permit.import", permits=rows), made

    def inhabitants(self, number: int) -> list[Inhabitant]:
        """Import new residents."""
        found: list[Inhabitant] = []
        while len(found) < number:
            job, made = self.import_of(min(ROWS, number - len(found)))
            receipt = self.hub.submit(job, wait=RECEIPT_SECONDS)
            assert receipt.rows is not None
            assert all(row.applied for row in receipt.rows)
            found += made
        return found

    def sharing(self, number: int) -> list[Inhabitant]:
        """Import new residents who share with all providers, and wait until each share is confirmed."""
        found = self.inhabitants(number)
        for job in [self.hub.send(self.consent(inhabitant, "allow", 0)) for inhabitant in found]:
            assert self.hub.receipt(job, wait=RECEIPT_SECONDS).applied
        self.settle()
        return found

    def consent(self, inhabitant: Inhabitant, choice: str, version: int | None = None) -> Job:
        """Return a decision job for all providers."""
        return self.hub.job(
            "consent.decide",
            resident_id=inhabitant.resident_id,
            choice=choice,
            providers=APPS,
            consent_version=version,
            text=TEXT,
            decided_at=datetime.now(UTC),
        )

    @contextmanager
    def clock_stopped(self) -> Iterator[None]:
        """Stop beat while the context lasts, for work that it would start by itself."""
        beat = self.stack.process_ids["beat"]
        os.kill(beat, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(beat, signal.SIGCONT)

    @property
    def today(self) -> date:
        """Return the civil day in the city."""
        return datetime.now(CITY).date()

    def received(self) -> int:
        """Return how many requests all providers have received."""
        return sum(self.control.counts(provider).received for provider in APPS)


def fill_log(database: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Give a new database the files of its write-ahead log that one has which has run for a while."""
    for _ in range(WAL_FILES):
        database.execute("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()")
    database.execute("CHECKPOINT")  # the files are reused from now on


def cpu_seconds(ground: Ground) -> float:
    """Return the processor time that the stack's processes have used so far."""
    return processes.cpu_seconds(ground.stack.process_ids.values())


def cores() -> int:
    """Return how many cores all processes share."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
