"""One job on one resident: read under the resident's lock, changed by the rules, written together.

What nearly every job reads comes in one round trip to the database, under the lock, and all that it writes goes in
another. A rule that needs more asks for it in between.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from schemas.events import Event, EventData, EventType
from schemas.receipts import RefusalCode
from schemas.space import Reminders
from worker.db.engine import constraint_of
from worker.db.jobs import consents, permits, plates, residents
from worker.db.jobs.residents import Resident
from worker.db.publishing import events
from worker.db.publishing.events import NewEvent
from worker.db.sharing import shares
from worker.db.sharing.shares import ShareKey, StoredShare
from worker.db.trip import ONE_PLAN, Answer, Statement, Trip
from worker.domain.consent import ConsentDecision
from worker.domain.life import Transition
from worker.domain.permit import Permit, Term
from worker.domain.refusal import JobRefusedError
from worker.domain.reservation import reserved_until
from worker.domain.sharing import Share, Urgency, want
from worker.hub import Hub
from worker.live.spaces import Publication
from worker.live.wake_ups import URGENT
from worker.services.permit_effects import ANY_REFERENCE, assignment_of, end_of, is_shared
from worker.services.publishing.publish import space_of

_PLATE_IN_USE = frozenset({"plate_in_use", "next_plate_in_use"})


@dataclass(slots=True)
class UnitOfWork:
    """The changes of a transaction to one resident, whose row is locked."""

    hub: Hub
    db: Connection
    resident: Resident
    today: date
    permits: dict[UUID, Permit]
    ledger: list[ConsentDecision]
    shares: dict[ShareKey, StoredShare]
    urgency: Urgency = Urgency.CHANGE  # of changes to a permit
    to_wake: set[str] = field(default_factory=set)
    writes: list[Statement[Any]] = field(default_factory=list)
    wanted: dict[ShareKey, Share] = field(default_factory=dict)
    _events: list[tuple[EventType, tuple[UUID, ...]]] = field(default_factory=list)

    @classmethod
    def start(cls, hub: Hub, db: Connection, resident_id: str, today: date) -> "UnitOfWork | None":
        """Lock a resident and read all their data; None for an unknown resident."""
        with Trip(db) as trip:
            trip.ask(ONE_PLAN)
            locked = trip.ask(residents.lock([resident_id]))
            reading = _Reading.ask(trip, [resident_id])
        return next(reading.units(cls, hub, db, locked.value.values(), today, Urgency.CHANGE), None)

    @classmethod
    def start_together(
        cls, hub: Hub, db: Connection, locked: Collection[Resident], today: date, urgency: Urgency
    ) -> list["UnitOfWork"]:
        """Read all data of some residents under their locks, for one transaction."""
        with Trip(db) as trip:
            trip.ask(ONE_PLAN)
            reading = _Reading.ask(trip, [resident.resident_id for resident in locked])
        return list(reading.units(cls, hub, db, locked, today, urgency))

    @property
    def version(self) -> int:
        """Return the version of the resident's space after this."""
        return self.resident.version + len(self._events)

    @property
    def consent_version(self) -> int:
        """Return the version of the resident's consent; 0 before the first decision."""
        return self.ledger[-1].version if self.ledger else 0

    def permit(self, permit_id: UUID) -> Permit:
        """Return one of the resident's permits.

        Raises:
            JobRefusedError: `unknown_permit`, also for another resident's permit.
        """
        try:
            return self.permits[permit_id]
        except KeyError:
            raise JobRefusedError(RefusalCode.UNKNOWN_PERMIT, "permit_id") from None

    def add(self, change: Transition) -> None:
        """Write a new permit."""
        permit = change.permit
        self.write(permits.insert([permit], self.today).then(_refuse_unless_new))
        self._insert_terms(permit, permit.terms)
        self._assign(permit)
        self._record_change(change)

    def change(self, change: Transition) -> None:
        """Write a changed permit."""
        before, after = self.permits[change.permit.permit_id], change.permit
        self.write(permits.update([after], self.today))
        self._insert_terms(after, [term for term in after.terms if term not in before.terms])
        self._move_plate(before, after)
        self._record_change(change)

    def write(self, *statements: Statement[Any]) -> None:
        """Write something else, in this order with the other writes; the answer may refuse the job."""
        self.writes += statements

    def tell(self, event: EventType, permit_ids: Iterable[UUID] = ()) -> None:
        """Add an event about this resident."""
        self._events.append((event, tuple(permit_ids)))

    def remind_by(self, reminders: Reminders) -> None:
        """Set the resident's reminders, as they are written."""
        self.resident = replace(self.resident, reminders=reminders)

    def want(self, permit_ids: Iterable[UUID], urgency: Urgency, providers: Iterable[str] | None = None) -> None:
        """Make the shares of these permits due, with all providers or those named.

        An existing share always becomes due, also with a provider that has left the settings and may come back. A new
        share is made only if something is to be shared.
        """
        now = self.resident.locked_at
        known = {*self.hub.capabilities, *(key.provider for key in self.shares)}
        concerned = sorted(known if providers is None else providers)
        for key in (ShareKey(permit_id, provider) for permit_id in permit_ids for provider in concerned):
            stored = self.shares.get(key)
            if stored is None:
                if not is_shared(self.hub, self.permits[key.permit_id], self.ledger, key.provider, self.today):
                    continue
                stored = StoredShare(key, self.resident.resident_id, ANY_REFERENCE, Share(due_at=now))
            share = want(stored.share, urgency, now)
            self.wanted[key] = share
            self.shares[key] = replace(stored, share=share)
            self.to_wake.add(URGENT if urgency is Urgency.CONSENT else key.provider)

    @property
    def has_events(self) -> bool:
        """Return whether there are events."""
        return bool(self._events)

    def finish(self, job_id: UUID | None = None) -> Publication:
        """Write all changes, with the events of a job or of the clock; return what to publish after the commit.

        Raises:
            JobRefusedError: `permit_exists`, `plate_in_use`, or by an answer to what was written.
        """
        (publication,) = finish_together(self.db, [self], job_id)
        return publication

    def new_events(self, job_id: UUID | None) -> Iterator[NewEvent]:
        """Yield the events to be written."""
        for sequence, (event, permit_ids) in enumerate(self._events, self.resident.version + 1):
            data = EventData(job_id=job_id, permit_ids=permit_ids)
            yield NewEvent(self.resident.resident_id, sequence, event, data)

    def publication(self, written: Sequence[Event]) -> Publication:
        """Return what to publish, with the events as they were written."""
        permits_, stored = self.permits.values(), self.shares.values()
        space = space_of(self.hub, self.resident, self.version, permits_, self.ledger, stored, self.today)
        return Publication(
            resident_id=self.resident.resident_id,
            epoch=space.epoch,
            version=self.version,
            published_version=self.resident.published_version,
            space=space,
            events=written,
        )

    def _record_change(self, change: Transition) -> None:
        permit = change.permit
        self.permits[permit.permit_id] = permit
        self.tell(change.event, [permit.permit_id])
        self.want([permit.permit_id], self.urgency)

    def _insert_terms(self, permit: Permit, terms: Sequence[Term]) -> None:
        if terms:
            self.write(permits.insert_terms([(permit.permit_id, term) for term in terms], self.today))

    def _assign(self, permit: Permit) -> None:
        assignment = assignment_of(self.hub, permit, self.today)
        self.write(plates.assign([assignment], self.hub.keys.fingerprint).then(_refuse_unless_free))

    def _move_plate(self, before: Permit, after: Permit) -> None:
        old_end, new_end = reserved_until(before, self.today), reserved_until(after, self.today)
        if after.plate != before.plate:
            self.write(plates.replace(after.permit_id))
            self._assign(after)
        elif old_end is None and new_end is not None:
            self._assign(after)
        elif old_end is not None and new_end is None:
            self.write(plates.release(after.permit_id))
        elif old_end is not None and new_end is not None and old_end != new_end:
            self.write(plates.extend(after.permit_id, end_of(self.hub, new_end)))


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that a unit of work reads of some residents, after their lock."""

    held: Answer[dict[str, list[Permit]]]
    ledgers: Answer[dict[str, list[ConsentDecision]]]
    stored: Answer[dict[str, list[StoredShare]]]

    @classmethod
    def ask(cls, trip: Trip, names: Collection[str]) -> "_Reading":
        """Ask for it."""
        return cls(
            trip.ask(permits.of_residents(names)),
            trip.ask(consents.in_effect(names)),
            trip.ask(shares.lock_of_residents(names)),
        )

    def units(
        self,
        kind: type[UnitOfWork],
        hub: Hub,
        db: Connection,
        locked: Iterable[Resident],
        today: date,
        urgency: Urgency,
    ) -> Iterator[UnitOfWork]:
        """Yield a unit of work for each locked resident."""
        for resident in locked:
            name = resident.resident_id
            held = {permit.permit_id: permit for permit in self.held.value[name]}
            stored = {share.key: share for share in self.stored.value[name]}
            yield kind(hub, db, resident, today, held, self.ledgers.value[name], stored, urgency)


def finish_together(db: Connection, units: Sequence[UnitOfWork], job_id: UUID | None = None) -> list[Publication]:
    """Write all changes of some residents in one round trip; return what to publish after the commit.

    Raises:
        JobRefusedError: as `UnitOfWork.finish`.
    """
    written: dict[str, list[Event]] = defaultdict(list)
    try:
        for event in _write(db, units, job_id):
            written[event.subject].append(event)
    except IntegrityError as error:
        if constraint_of(error) not in _PLATE_IN_USE:
            raise
        refused = JobRefusedError(RefusalCode.PLATE_IN_USE, "plate")
    else:
        return [unit.publication(written[unit.resident.resident_id]) for unit in units]
    raise refused  # outside of the handler: the original, which prints the row, is not even its context


def _write(db: Connection, units: Sequence[UnitOfWork], job_id: UUID | None) -> list[Event]:
    wanted = {key: share for unit in units for key, share in unit.wanted.items()}
    with Trip(db) as trip:
        for statement in [statement for unit in units for statement in unit.writes]:
            trip.ask(statement)
        if wanted:
            trip.ask(shares.upsert(wanted, units[0].hub.keys.current))
        appended = trip.ask(events.append([event for unit in units for event in unit.new_events(job_id)]))
    return appended.value


def _refuse_unless_new(new: Collection[UUID]) -> None:
    if not new:
        raise JobRefusedError(RefusalCode.PERMIT_EXISTS, "permit_id")


def _refuse_unless_free(free: Collection[UUID]) -> None:
    if not free:
        raise JobRefusedError(RefusalCode.PLATE_IN_USE, "plate")
