"""One job on one resident: read under the resident's lock, changed by the rules, written together."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from schemas.events import EventData, EventType
from schemas.receipts import RefusalCode
from schemas.space import Reminders
from worker.db.engine import constraint_of
from worker.db.jobs import consents, permits, plates
from worker.db.jobs.plates import Assignment
from worker.db.jobs.residents import Resident
from worker.db.publishing import events
from worker.db.publishing.events import NewEvent
from worker.db.sharing import shares
from worker.db.sharing.shares import ShareKey, StoredShare
from worker.domain.consent import ConsentDecision, decision_on, shared_permit
from worker.domain.life import Transition
from worker.domain.permit import Permit
from worker.domain.plates import plate_key
from worker.domain.refusal import JobRefusedError
from worker.domain.reservation import OPEN_ENDED, reserved_until
from worker.domain.sharing import Share, Urgency, want
from worker.hub import Hub
from worker.live.spaces import Publication
from worker.live.wake_ups import URGENT
from worker.services.publishing.publish import space_of

_ANY_REFERENCE = UUID(int=0)  # for checking only whether anything is to be shared


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
    _events: list[tuple[EventType, tuple[UUID, ...]]] = field(default_factory=list)

    @classmethod
    def start(
        cls, hub: Hub, db: Connection, resident: Resident, today: date, urgency: Urgency = Urgency.CHANGE
    ) -> "UnitOfWork":
        """Read all data of a resident under their lock."""
        (unit,) = cls.start_together(hub, db, [resident], today, urgency)
        return unit

    @classmethod
    def start_together(
        cls, hub: Hub, db: Connection, locked: Collection[Resident], today: date, urgency: Urgency
    ) -> list["UnitOfWork"]:
        """Read all data of some residents under their locks, for one transaction."""
        names = [resident.resident_id for resident in locked]
        held, ledgers = permits.of_residents(db, names), consents.in_effect(db, names)
        stored: dict[str | None, dict[ShareKey, StoredShare]] = defaultdict(dict)
        every = [permit.permit_id for permits_ in held.values() for permit in permits_]
        for key, share in shares.lock_of_permits(db, every).items():
            stored[share.resident_id][key] = share
        return [
            cls(
                hub,
                db,
                resident,
                today,
                {permit.permit_id: permit for permit in held[resident.resident_id]},
                ledgers[resident.resident_id],
                stored[resident.resident_id],
                urgency,
            )
            for resident in locked
        ]

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
        """Write a new permit.

        Raises:
            JobRefusedError: `permit_exists`, `plate_in_use`.
        """
        permit = change.permit
        if not permits.insert(self.db, [permit], self.today):
            raise JobRefusedError(RefusalCode.PERMIT_EXISTS, "permit_id")
        permits.insert_terms(self.db, ((permit.permit_id, term) for term in permit.terms), self.today)
        self._assign(permit)
        self._record_change(change)

    def change(self, change: Transition) -> None:
        """Write a changed permit.

        Raises:
            JobRefusedError: `plate_in_use`.
        """
        before, after = self.permits[change.permit.permit_id], change.permit
        permits.update(self.db, [after], self.today)
        new = ((after.permit_id, term) for term in after.terms if term not in before.terms)
        permits.insert_terms(self.db, new, self.today)
        self._move_plate(before, after)
        self._record_change(change)

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
        wanted: dict[ShareKey, Share] = {}
        known = {*self.hub.capabilities, *(key.provider for key in self.shares)}
        concerned = sorted(known if providers is None else providers)
        for key in (ShareKey(permit_id, provider) for permit_id in permit_ids for provider in concerned):
            stored = self.shares.get(key)
            if stored is not None:
                wanted[key] = want(stored.share, urgency, now)
            elif is_shared(self.hub, self.permits[key.permit_id], self.ledger, key.provider, self.today):
                wanted[key] = want(Share(due_at=now), urgency, now)
        shares.upsert(self.db, wanted)
        for key, share in wanted.items():
            reference = self.shares[key].reference if key in self.shares else _ANY_REFERENCE
            self.shares[key] = StoredShare(key, self.resident.resident_id, reference, share)
            self.to_wake.add(URGENT if urgency is Urgency.CONSENT else key.provider)

    @property
    def has_events(self) -> bool:
        """Return whether there are events."""
        return bool(self._events)

    def finish(self, job_id: UUID | None = None) -> Publication:
        """Write the events, of a job or of the clock; return what to publish after the commit."""
        name, version = self.resident.resident_id, self.resident.version
        written = events.append(
            self.db,
            [
                NewEvent(name, sequence, event, EventData(job_id=job_id, permit_ids=permit_ids))
                for sequence, (event, permit_ids) in enumerate(self._events, version + 1)
            ],
        )
        version += len(written)
        permits_, stored = self.permits.values(), self.shares.values()
        space = space_of(self.hub, self.resident, version, permits_, self.ledger, stored, self.today)
        return Publication(
            resident_id=name,
            epoch=space.epoch,
            version=version,
            published_version=self.resident.published_version,
            space=space,
            events=written,
        )

    def _record_change(self, change: Transition) -> None:
        permit = change.permit
        self.permits[permit.permit_id] = permit
        self.tell(change.event, [permit.permit_id])
        self.want([permit.permit_id], self.urgency)

    def _assign(self, permit: Permit) -> None:
        if not plates.assign(self.db, [assignment_of(self.hub, permit, self.today)]):
            raise JobRefusedError(RefusalCode.PLATE_IN_USE, "plate")

    def _move_plate(self, before: Permit, after: Permit) -> None:
        old_end, new_end = reserved_until(before, self.today), reserved_until(after, self.today)
        if after.plate != before.plate:
            plates.replace(self.db, after.permit_id)
            self._assign(after)
        elif old_end is None and new_end is not None:
            self._assign(after)
        elif old_end is not None and new_end is None:
            plates.release(self.db, after.permit_id)
        elif old_end is not None and new_end is not None and old_end != new_end:
            try:
                plates.extend(self.db, after.permit_id, end_of(self.hub, new_end))
            except IntegrityError as error:
                if constraint_of(error) != "plate_in_use":
                    raise
                raise JobRefusedError(RefusalCode.PLATE_IN_USE, "plate") from None


def is_shared(hub: Hub, permit: Permit, ledger: Sequence[ConsentDecision], provider: str, today: date) -> bool:
    """Return whether a provider of this installation is to hold anything about a permit."""
    capabilities = hub.capabilities.get(provider)
    if capabilities is None:
        return False
    return shared_permit(permit, decision_on(provider, ledger), capabilities, _ANY_REFERENCE, today) is not None


def assignment_of(hub: Hub, permit: Permit, today: date) -> Assignment:
    """Return a permit's reservation of its plate from now on."""
    until = reserved_until(permit, today)
    key = plate_key(permit.plate, hub.hash_key)
    end = None if until is None else end_of(hub, until)
    return Assignment(permit.permit_id, permit.plate, key, until is not None, end)


def end_of(hub: Hub, last_day: date) -> datetime | None:
    """Return the midnight that ends a civil day in the city; None for an open-ended reservation."""
    if last_day == OPEN_ENDED:
        return None
    return datetime.combine(last_day + timedelta(days=1), time(0), hub.zone)
