"""Import existing permits, up to a thousand in one job; each row has its own result."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Connection

from schemas.events import EventData, EventType
from schemas.jobs import ImportedPermit, ImportPermits
from schemas.receipts import Outcome, RefusalCode, RowResult
from worker.db.clock import leftovers
from worker.db.jobs import consents, permits, plates, residents
from worker.db.jobs.residents import Resident
from worker.db.publishing import events
from worker.db.publishing.events import NewEvent
from worker.db.sharing import shares
from worker.db.sharing.shares import ShareKey
from worker.db.trip import Trip, run
from worker.domain import life
from worker.domain import plates as plate_rules
from worker.domain.consent import ConsentDecision
from worker.domain.permit import Address, Permit, Term
from worker.domain.refusal import JobRefusedError
from worker.domain.sharing import Share, Urgency, want
from worker.hub import Hub
from worker.live.spaces import Publication
from worker.services.permit_effects import assignment_of, is_shared
from worker.services.publishing.publish import events_only


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of each row, what to publish, and the lanes to wake."""

    rows: tuple[RowResult, ...]
    publications: Sequence[Publication]
    to_wake: set[str]


def apply(hub: Hub, db: Connection, job: ImportPermits, today: date) -> Imported:
    """Write the permits that can be imported."""
    resident_ids = sorted({row.resident_id for row in job.permits})
    with Trip(db) as trip:
        trip.ask(residents.create(resident_ids))
        locked = trip.ask(residents.lock(resident_ids))
    known = locked.value
    if any(resident.erased for resident in known.values()):
        run(db, leftovers.note())  # Redis still has what the job said about them
    refusals: dict[int, JobRefusedError] = {}
    sound: dict[UUID, tuple[int, Permit]] = {}
    for position, row in enumerate(job.permits):
        try:
            permit = _read(row, known[row.resident_id])
            if permit.permit_id in sound:
                raise JobRefusedError(RefusalCode.PERMIT_EXISTS, "permit_id")
            sound[permit.permit_id] = (position, permit)
        except JobRefusedError as refused:
            refusals[position] = refused
    written = _write(hub, db, sound, refusals, today)
    ledgers = run(db, consents.in_effect({permit.resident_id for permit in written}))
    wanted = _wanted(hub, known, written, ledgers, today)
    with Trip(db) as trip:
        trip.ask(permits.insert_terms([(each.permit_id, term) for each in written for term in each.terms], today))
        trip.ask(shares.upsert(wanted, hub.keys.current))
        appended = trip.ask(events.append(_new_events(job.job_id, known, written)))
    rows = tuple(_result(row.permit_id, refusals.get(position)) for position, row in enumerate(job.permits))
    publications = [events_only(hub, known[event.subject], event) for event in appended.value]
    return Imported(rows, publications, {key.provider for key in wanted})


def _read(row: ImportedPermit, resident: Resident) -> Permit:
    if resident.erased:
        raise JobRefusedError(RefusalCode.RESIDENT_ERASED, "resident_id")
    return life.imported(
        permit_id=row.permit_id,
        resident_id=row.resident_id,
        status=row.status,
        requested_on=row.requested_on,
        plate=plate_rules.parse(row.plate.raw, row.plate.country),
        profile=row.profile,
        address=Address(row.address.ban_id, row.address.label),
        zones=row.zones,
        terms=(Term(term.first_day, term.last_day) for term in row.terms),
    ).permit


def _write(
    hub: Hub,
    db: Connection,
    sound: Mapping[UUID, tuple[int, Permit]],
    refusals: dict[int, JobRefusedError],
    today: date,
) -> list[Permit]:
    """Write permits and plates, and note the rows that the database refuses."""
    new = run(db, permits.insert((permit for _, permit in sound.values()), today))
    in_order = (permit for permit_id, (_, permit) in sound.items() if permit_id in new)  # the first row gets the plate
    free = run(db, plates.assign((assignment_of(hub, permit, today) for permit in in_order), hub.keys.fingerprint))
    if new - free:
        run(db, permits.delete(new - free))
    for permit_id, (position, _) in sound.items():
        if permit_id not in new:
            refusals[position] = JobRefusedError(RefusalCode.PERMIT_EXISTS, "permit_id")
        elif permit_id not in free:
            refusals[position] = JobRefusedError(RefusalCode.PLATE_IN_USE, "plate")
    return [permit for permit_id, (_, permit) in sound.items() if permit_id in free]


def _wanted(
    hub: Hub,
    known: Mapping[str, Resident],
    written: Iterable[Permit],
    ledgers: Mapping[str, Sequence[ConsentDecision]],
    today: date,
) -> dict[ShareKey, Share]:
    return {
        ShareKey(permit.permit_id, provider): want(Share(due_at=now), Urgency.ROUTINE, now)
        for permit in written
        for now in (known[permit.resident_id].locked_at,)
        for provider in hub.capabilities
        if is_shared(hub, permit, ledgers[permit.resident_id], provider, today)
    }


def _new_events(job_id: UUID, known: Mapping[str, Resident], written: Iterable[Permit]) -> Iterator[NewEvent]:
    """Yield one event for each resident, with the permits imported."""
    by_resident: dict[str, list[UUID]] = defaultdict(list)
    for permit in written:
        by_resident[permit.resident_id].append(permit.permit_id)
    for name, permit_ids in by_resident.items():
        data = EventData(job_id=job_id, permit_ids=tuple(permit_ids))
        yield NewEvent(name, known[name].version + 1, EventType.PERMIT_IMPORTED, data)


def _result(permit_id: UUID, refused: JobRefusedError | None) -> RowResult:
    if refused is None:
        return RowResult(permit_id=permit_id, outcome=Outcome.APPLIED)
    return RowResult(permit_id=permit_id, outcome=Outcome.REFUSED, code=refused.code, field=refused.field)
