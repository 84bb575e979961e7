"""A town on a real hub: its residents' jobs, its clock, and the comparison of both with what is expected."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

import structlog
from psycopg.rows import args_row

from integrations.channels.base import AddressRefusedError, LaterError, Notice, UnavailableError
from integrations.memory import InMemory
from schemas.receipts import Outcome
from schemas.shared import SharedField, Validity
from tests.conftest import CURRENT, Database
from tests.services.concurrency import at_once
from tests.services.hubs import lane_of
from tests.services.outbox import Outbox, sender_of
from tests.services.upstream import CITY, Upstream, results
from tests.services.years.expected import Copy, Holder, Key, Reminders, Right, Schedule
from tests.services.years.moved_clock import move_clock
from tests.support.claims import CLAIMING
from worker.hub import Hub
from worker.live.wake_ups import URGENT
from worker.services.clock.advance import advance
from worker.services.reminders.decide import decide, due_channels
from worker.services.sharing.drain import Drain
from worker.services.sharing.urgent import UrgentDrain

CONSENTED = ("easypark", "flowbird")
STOP = "reminders.stop"  # its token names the resident
MANY = 1_000  # rows in one import
MORNING, HOURS = time(6), timedelta(hours=4)  # longer than any failure waits
PATIENT = {"request_seconds": 30.0}  # a busy machine must not count as a slow provider
SCHEDULE = {"expiry": (60, 30, 7, 0, -1), "payment": (5,)}
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)"


@dataclass
class Town:
    """Residents with their permits on one day; each act goes to the hub and to what is expected of it."""

    hub: Hub
    database: Database
    twins: dict[str, InMemory]
    wake_ups: list[str]
    today: date
    mail_is_up: bool = True
    schedule: Schedule = field(default_factory=lambda: SCHEDULE)
    holders: list[Holder] = field(default_factory=list)
    rights: list[Right] = field(default_factory=list)
    reminders: Reminders = field(default_factory=Reminders)

    def __post_init__(self) -> None:
        """Wire the hub to three providers and to a mail server."""
        self.twins = {name: self.twins[name] for name in (*CONSENTED, CITY)}
        self.hub = replace(
            self.hub,
            capabilities={name: twin.capabilities for name, twin in self.twins.items()},
            settings=self.hub.settings.model_copy(update=PATIENT),
        )
        self.lanes = {name: lane_of(self.hub, twin) for name, twin in self.twins.items()}
        self.outbox = Outbox(at_once=16, failure=self._mail_failure)
        self.sender = sender_of(self.hub, self.outbox)
        self.tokens: dict[Holder, str] = {}  # of the last reminder that each resident has received
        self.moment = datetime.min.replace(tzinfo=self.hub.zone)  # the database's, as of the last move

    @contextmanager
    def open(self) -> Iterator["Town"]:
        """Begin without residents, and open the database from outside."""
        looking, logging = self.database.connect(), structlog.testing.capture_logs()
        with asyncio.Runner() as self.runner, looking as self.look, logging as logged:
            with self.look.transaction():
                self.look.execute("SET LOCAL session_replication_role = replica")
                for (table,) in self.look.execute(
                    _TABLES, [["alembic_version", "hub_state", "file_rewrite", "consent_texts"]]
                ).fetchall():
                    self.look.execute(f"DELETE FROM {table}")
            for name, twin in self.twins.items():
                twin.held.clear()
                self.hub.live.wake_ups.end(name)  # of the town before
            self.go_on_to(self.today)
            try:
                yield self
            except AssertionError as error:
                error.add_note(f"logged: {[entry for entry in logged if entry['log_level'] in ('warning', 'error')]}")
                raise
            assert not {entry["event"] for entry in logged if entry["log_level"] == "error"}

    # Acts of residents: each returns whether it was to be applied, and fails if the hub decides otherwise.

    def send(self, kind: str, holder: Holder, *, applied: bool = True, **fields: object) -> bool:
        """Submit a job of a resident."""
        upstream = Upstream(self.hub, self.today)
        whose: dict[str, object] = {} if kind == STOP else {"resident_id": holder.resident_id}
        if kind in CLAIMING:
            whose["schema_version"] = 2
        receipt = upstream.send(kind, upstream.envelope(**whose, **fields))
        assert (receipt.outcome is Outcome.APPLIED) == applied, (kind, str(self.today), receipt.code)
        return applied

    def take_over(self, rights: Sequence[Right]) -> None:
        """Import permits of the city's former system."""
        upstream = Upstream(self.hub, self.today)
        rows = [
            upstream.row(
                right.holder.resident_id,
                permit_id=right.permit_id,
                status="active" if right.state == "active" else "ended",
                plate={"raw": right.plate},
                profile=right.profile,
                zones=right.zones,
                terms=[{"first_day": str(first), "last_day": str(last)} for first, last in right.terms],
            )
            for right in rights
        ]
        for start in range(0, len(rows), MANY):
            receipt = upstream.take_over(*rows[start : start + MANY])
            assert {row.outcome for row in results(receipt)} == {Outcome.APPLIED}
        self.rights += rights

    # What the clock does.

    def go_on_to(self, today: date) -> None:
        """Let a day begin, or some hours pass; workers may take it for the day before, the database never does."""
        self.today = today
        self.look.execute(CURRENT)  # a sweep would compare within seconds
        morning = datetime.combine(today, MORNING, self.hub.zone)
        self.moment = max(morning, self.moment + HOURS) if self.moment.year > 1 else morning
        move_clock(self.look, self.moment)

    def tick(self, times: int, *, together: bool) -> None:
        """Let the clock tick, once or several times, perhaps at the same moment; then send the due reminders."""
        calls: list[Callable[[], None]] = [self._advance, self._decide] * times
        for right in self.rights:
            if right.owed and right.owed.pay_by and right.owed.pay_by < self.today:
                right.give_up()
            self.reminders.decide(right, self.today, self.schedule)
        if together:
            at_once(*calls)
        else:
            for call in calls:
                call()
        self._send_reminders(2 if together else 1)

    def deliver(self) -> None:
        """Run the woken drains to the end of their work."""
        while self.wake_ups:
            woken = set(self.wake_ups)
            self.wake_ups.clear()
            if URGENT in woken:
                self.hub.wake(self.runner.run(UrgentDrain(self.hub, self.lanes, lambda: self.today).run()))
            for name in sorted(woken - {URGENT}):
                while self.runner.run(Drain(self.lanes[name], lambda: self.today).run()):
                    pass

    def remind_by(self, schedule: Schedule) -> None:
        """Change the settings of the reminders."""
        self.schedule = schedule
        days = {"reminder_days": schedule["expiry"], "payment_reminder_days": schedule["payment"]}
        self.hub = replace(self.hub, settings=self.hub.settings.model_copy(update=days))
        self.sender = sender_of(self.hub, self.outbox)

    # What is expected.

    def check_copies(self) -> None:
        """Compare what each provider holds with what it is to hold today."""
        copies = [(right.copy(self.today), right.holder.allowed) for right in self.rights]
        for name, twin in self.twins.items():
            wanted = {copy for copy, allowed in copies if copy and (name == CITY or name in allowed)}
            held = _held(twin, self.today)
            assert held == wanted, (name, str(self.today), sorted(held - wanted), sorted(wanted - held))
            assert len(twin.held) == len(held), (name, str(self.today))

    def check_consent(self) -> None:
        """Check that no provider holds data that it must not hold, whatever the clock did."""
        for name, twin in self.twins.items():
            allowed = {
                right.plate
                for right in self.rights
                if right.state == "active" and (name == CITY or name in right.holder.allowed)
            }
            assert {str(fields[SharedField.PLATE]) for fields in twin.held.values()} <= allowed, (name, str(self.today))

    def check_ledger(self, *, entirely: bool) -> None:
        """Compare the decided reminders, or their number, with the expected ones."""
        expected = self.reminders.decided
        ((count,),) = self.look.execute("SELECT count(*) FROM reminders").fetchall()
        if entirely or count != len(expected):
            with self.look.cursor(row_factory=args_row(Key)) as cursor:
                ledger = set(cursor.execute("SELECT permit_id::text, occasion, day, days_ahead FROM reminders"))
            assert ledger == expected, (str(self.today), sorted(ledger - expected), sorted(expected - ledger))

    def _advance(self) -> None:
        advance(self.hub, self.today)

    def _decide(self) -> None:
        while decide(self.hub, self.today):
            pass

    def _send_reminders(self, senders: int) -> None:
        wanted: Counter[tuple[object, ...]] = Counter()
        for key, right in self.reminders.going_out(self.today, self.schedule):
            answer, email = self._mail_answer(str(right.holder.email)), right.holder.email
            if answer is None:
                wanted[right.plate, key.occasion, key.day, (key.day - self.today).days, email] += 1
                del self.reminders.due[key]
            elif answer is AddressRefusedError:
                right.holder.refused = True
        self.outbox.sent.clear()
        while due_channels(self.hub, ["email"]):
            if senders == 1:
                self.runner.run(self.sender.run(lambda: self.today))
            else:
                at_once(*[lambda: asyncio.run(sender_of(self.hub, self.outbox).run(lambda: self.today))] * senders)
        sent = Counter(map(_written, self.outbox.sent))
        assert sent == wanted, (str(self.today), sent - wanted, wanted - sent)
        by_email = {holder.email: holder for holder in self.holders} if sent else {}
        self.tokens |= {by_email[notice.address]: str(notice.token) for notice in self.outbox.sent}

    def _mail_failure(self, notice: Notice) -> BaseException | None:
        answer = self._mail_answer(notice.address)
        return None if answer is None else answer("email", "no")

    def _mail_answer(self, address: str) -> type[UnavailableError | LaterError | AddressRefusedError] | None:
        """Return how the mail server fails today, by the beginning of an address."""
        if not self.mail_is_up:
            return UnavailableError
        if address.startswith("gone"):
            return AddressRefusedError
        return LaterError if address.startswith("slow") and self.today.toordinal() % 2 else None


def _held(twin: InMemory, today: date) -> set[Copy]:
    """Return the holding from today on: a first day that has passed does not matter."""
    held = set()
    for fields in twin.held.values():
        plate, zones, validity = (fields[name] for name in (SharedField.PLATE, SharedField.ZONES, SharedField.VALIDITY))
        assert isinstance(plate, str)
        assert isinstance(zones, tuple)
        assert isinstance(validity, Validity)
        held.add((plate, zones, max(validity.first_day, today), validity.last_day))
    return held


def _written(notice: Notice) -> tuple[object, ...]:
    return notice.plate, notice.occasion.value, notice.last_day, notice.days_left, notice.address
