"""The stage for schedules: PostgreSQL, the hub's own decisions, claims and records, and a provider's sandbox.

Many schedules run side by side, each with its own permit and resident, named by the schedule's number. Time passes by
moving the rows' times back.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection, Executable, text

from integrations.base import Adapter
from integrations.sandbox.control import Control
from integrations.sandbox.records import Record
from schemas import jobs
from schemas.jobs import ConsentChoice
from schemas.verified import Plate
from tests.sharing.rows import NONE, NOW, TICK, A, B, Ticks
from tests.support.texts import TEXT
from worker.db.engine import transact
from worker.db.jobs import residents
from worker.db.sharing import shares
from worker.db.sharing.shares import ShareKey
from worker.db.trip import run
from worker.domain.sharing import Result, Share, Urgency
from worker.hub import Hub
from worker.services.jobs import consent, imports
from worker.services.sharing import invalidate
from worker.services.sharing.claim import RECORD_SECONDS, ClaimedShare, claim
from worker.services.sharing.lane import Lane
from worker.services.sharing.record import record
from worker.services.unit_of_work import UnitOfWork, finish_together

Run = Callable[[Coroutine[None, None, None]], None]

PROVIDER = "easypark"
TODAY = date(2026, 1, 15)
ZONES: dict[int, tuple[str, ...]] = {A: ("75014_A",), B: ("75014_B",)}
HELD_IN = {zones: payload for payload, zones in ZONES.items()}
ASIDE = timedelta(days=1_000)
PART_OF_TICK = TICK / 12  # a provisional removal is repeated at parts of T
REQUESTS_AT_ONCE = 32
MOST_AT_ONCE = 1_000  # permits in one import, at most

_PASS = text("""
    UPDATE shares SET due_at = due_at - :time, lease_until = lease_until - :time,
        operation_until = operation_until - :time, unsettled_until = unsettled_until - :time,
        stray_put_until = stray_put_until - :time
    WHERE permit_id = ANY(:permit_ids)
""")
_MOVE_DUE = text("UPDATE shares SET due_at = due_at + :time WHERE permit_id = ANY(:permit_ids)")
_MOVE_HOME = text("UPDATE permits SET zones = :zones WHERE permit_id = :permit_id")
_CLOCK = text("SELECT clock_timestamp()")
_DISCLOSURES = text("SELECT permit_id, disclosure_id, fields_hash FROM disclosures ORDER BY recorded_at")


def with_timing(hub: Hub, ticks: Ticks) -> Hub:
    """Return the hub with the time-outs that schedules assume."""
    lease, settle = ticks.timing.lease.total_seconds(), ticks.timing.settle.total_seconds()
    # Longer than any installation may set, so that the real clock does not matter.
    slow = {"request_seconds": lease - RECORD_SECONDS, "settle_seconds": settle}
    return replace(hub, settings=hub.settings.model_copy(update=slow))


@dataclass(frozen=True, slots=True)
class Stored:
    """A share's stored values, with times rounded to ticks from `NOW`."""

    share: Share
    reference: UUID


class Stage:
    """The database, with every share by its schedule's number."""

    def __init__(self, lane: Lane, count: int) -> None:
        """Make a permit for each schedule, with a share that was never wanted."""
        self._lane = lane
        self._hub = hub = lane.hub
        self._permits = [uuid4() for _ in range(count)]
        self._numbers = {permit_id: number for number, permit_id in enumerate(self._permits)}
        transact(hub.engine, self._settle_in)

    def decide(self, payloads: Mapping[int, int]) -> None:
        """Change the truth of these schedules, as a job would."""

        def transaction(db: Connection) -> None:
            locked = run(db, residents.lock([_resident(number) for number in payloads]))
            for number, payload in payloads.items():
                if payload != NONE:
                    db.execute(_MOVE_HOME, {"zones": list(ZONES[payload]), "permit_id": self._permits[number]})
            in_order = [locked[_resident(number)] for number in payloads]
            started = UnitOfWork.start_together(self._hub, db, in_order, TODAY, Urgency.CHANGE)
            for (number, payload), unit in zip(payloads.items(), started, strict=True):
                consent.decide(_decision(number, payload, unit.consent_version), unit)
            finish_together(db, started)

        transact(self._hub.engine, transaction)

    def put(self, rows: Mapping[int, Share]) -> None:
        """Store rows as they are."""
        by_key = {ShareKey(self._permits[number], PROVIDER): share for number, share in rows.items()}
        transact(self._hub.engine, lambda db: run(db, shares.update(by_key)))

    def claim_first(self, limit: int, least_urgent: Urgency) -> list[int]:
        """Claim a few; return their schedules."""
        claims, *_ = claim(self._lane, limit, least_urgent, TODAY)
        return [self._numbers[claimed.key.permit_id] for claimed in claims]

    def claim(self, keep_aside: Collection[int]) -> dict[int, ClaimedShare]:
        """Claim all due shares, except those kept aside."""
        self._execute(_MOVE_DUE, keep_aside, ASIDE)
        claims, *_ = claim(self._lane, len(self._permits), Urgency.ROUTINE, TODAY)
        self._execute(_MOVE_DUE, keep_aside, -ASIDE)
        return {self._numbers[claimed.key.permit_id]: claimed for claimed in claims}

    def invalidate(self, numbers: Collection[int]) -> None:
        """Invalidate what the provider confirmed for these schedules."""
        permit_ids = [self._permits[number] for number in numbers]
        transact(self._hub.engine, lambda db: invalidate.invalidate(self._hub, db, PROVIDER, permit_ids))

    def record(self, ended: Collection[tuple[ClaimedShare, Result]]) -> None:
        """Record how requests ended."""
        if ended:
            record(self._lane.hub, {self._lane.name: self._lane}, list(ended), TODAY)

    def tick(self, numbers: Collection[int]) -> None:
        """Let a tick pass for these schedules."""
        self._execute(_PASS, numbers, TICK)

    def rows(self, numbers: Iterable[int]) -> dict[int, Stored]:
        """Read the shares of these schedules."""

        def transaction(db: Connection) -> dict[int, Stored]:
            now = db.execute(_CLOCK).scalar_one()
            found = run(db, shares.of_residents([_resident(number) for number in numbers]))
            return {
                self._numbers[stored.key.permit_id]: Stored(_in_ticks(stored.share, now), stored.reference)
                for of_one in found.values()
                for stored in of_one
            }

        return transact(self._hub.engine, transaction)

    def disclosures(self) -> dict[int, list[tuple[UUID, bytes]]]:
        """Read the logged disclosures: lease and hash, in order."""
        listed: dict[int, list[tuple[UUID, bytes]]] = {number: [] for number in range(len(self._permits))}
        with self._hub.engine.connect() as db:
            for permit_id, lease_id, fields_hash in db.execute(_DISCLOSURES):
                listed[self._numbers[permit_id]].append((lease_id, bytes(fields_hash)))
        return listed

    def _settle_in(self, db: Connection) -> None:
        numbered = list(enumerate(self._permits))
        for first in range(0, len(numbered), MOST_AT_ONCE):
            imports.apply(self._hub, db, _import(numbered[first : first + MOST_AT_ONCE]), TODAY)
        now = db.execute(_CLOCK).scalar_one()
        run(
            db,
            shares.upsert(
                {ShareKey(permit_id, PROVIDER): Share(due_at=now) for permit_id in self._permits},
                self._hub.keys.current,
            ),
        )

    def _execute(self, statement: Executable, numbers: Collection[int], time: timedelta) -> None:
        permit_ids = [self._permits[number] for number in numbers]
        if permit_ids:
            transact(self._hub.engine, lambda db: db.execute(statement, {"time": time, "permit_ids": permit_ids}))


class Provider:
    """The provider's sandbox, reached through its adapter."""

    def __init__(self, adapter: Adapter, control: Control, run: Run) -> None:
        """`run` runs a coroutine to its end, always in the same loop."""
        self._adapter, self._control, self._run = adapter, control, run

    def apply(self, requests: Iterable[ClaimedShare]) -> None:
        """Have the provider apply these requests."""
        self._run(self._send(requests))

    def held(self) -> dict[UUID, int]:
        """Return the payload that the provider holds under each reference."""
        return {reference: HELD_IN[record.zones] for reference, record in self._control.held(PROVIDER).items()}

    def drift(self, payloads: Mapping[UUID, int]) -> None:
        """Change the provider's data under these references without the hub."""
        for reference, payload in payloads.items():
            if payload == NONE:
                self._control.drop(PROVIDER, reference)
            else:
                record = Record("AA000AA", "FR", ZONES[payload], "resident", TODAY, TODAY)
                self._control.hold(PROVIDER, reference, record)

    async def _send(self, requests: Iterable[ClaimedShare]) -> None:
        free = asyncio.Semaphore(REQUESTS_AT_ONCE)

        async def send(claimed: ClaimedShare) -> None:
            async with free:
                await self._adapter.send(claimed.change)

        await asyncio.gather(*map(send, requests))


def payload_of(claimed: ClaimedShare) -> int:
    """Return the payload that a claim is to send."""
    permit = claimed.change.permit
    if permit is None:
        return NONE
    assert permit.zones is not None
    return HELD_IN[permit.zones]


def _in_ticks(share: Share, now: datetime) -> Share:
    def rounded(moment: datetime) -> datetime:
        return NOW + round((moment - now) / PART_OF_TICK) * PART_OF_TICK

    return replace(
        share,
        due_at=rounded(share.due_at),
        lease_until=share.lease_until and rounded(share.lease_until),
        operation_until=share.operation_until and rounded(share.operation_until),
        unsettled_until=share.unsettled_until and rounded(share.unsettled_until),
        stray_put_until=share.stray_put_until and rounded(share.stray_put_until),
        failing_since=share.failing_since and NOW,
        failed_at=share.failed_at and NOW,
        confirmed_at=share.confirmed_at and NOW,
    )


def _resident(number: int) -> str:
    return f"resident-{number}"


def _decision(number: int, payload: int, seen: int) -> jobs.DecideConsent:
    return jobs.DecideConsent(
        job_id=uuid4(),
        source="tests",
        submitted_at=datetime.now(UTC),
        resident_id=_resident(number),
        choice=ConsentChoice.REFUSE if payload == NONE else ConsentChoice.ALLOW,
        providers=(PROVIDER,),
        consent_version=seen,
        text=jobs.ConsentText.model_validate(TEXT),
        decided_at=datetime.now(UTC),
    )


def _import(numbered: Iterable[tuple[int, UUID]]) -> jobs.ImportPermits:
    return jobs.ImportPermits(
        job_id=uuid4(),
        source="tests",
        submitted_at=datetime.now(UTC),
        permits=tuple(
            jobs.ImportedPermit(
                resident_id=_resident(number),
                permit_id=permit_id,
                status=jobs.ImportedStatus.ACTIVE,
                requested_on=TODAY,
                plate=Plate(raw=f"AA-{number % 1000:03}-A{chr(ord('A') + number // 1000)}"),
                profile="resident",
                address=jobs.Address(ban_id="75114_1834_00010", label="10 rue Exemple"),
                zones=ZONES[A],
                terms=(jobs.ImportedTerm(first_day=TODAY, last_day=TODAY + timedelta(days=300)),),
            )
            for number, permit_id in numbered
        ),
    )
