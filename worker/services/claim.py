"""The two transactions around a request to a provider: the claim before it, the record after it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection

from schemas.events import EventData, EventType, ShareConfirmation
from schemas.shared import SharedPermit
from worker.db import consents, events, residents, shares
from worker.db.disclosures import Disclosure, Ending
from worker.db.engine import transact
from worker.db.events import NewEvent
from worker.db.residents import Resident
from worker.db.shares import ShareKey, StoredShare
from worker.domain import sharing
from worker.domain.consent import fields_hash, shared_permit
from worker.domain.sharing import Outcome, Result, Share, Timing, Urgency
from worker.hub import Hub
from worker.live import Publication
from worker.services.publish import publish, told_only

LEASE_EXPIRED = "lease_expired"
RECORD_SECONDS = 4.0  # what a lease leaves for recording, after the deadline of its request


@dataclass(frozen=True, slots=True)
class Claimed:
    """A share that is ours to bring up to date: what to send (None: a removal), under which lease."""

    key: ShareKey
    lease_id: UUID
    reference: UUID
    shared: SharedPermit | None
    resident_id: str
    urgency: Urgency
    failures: int


@dataclass(frozen=True, slots=True)
class Claims:
    """The shares claimed, and how many were looked at: those found to be right already need no request."""

    claimed: Sequence[Claimed]
    looked_at: int


Ended = tuple[Claimed, Result]


def timing(hub: Hub) -> Timing:
    """Return how long leases last and strays may linger, from the settings."""
    return Timing(
        lease=timedelta(seconds=hub.settings.request_seconds + RECORD_SECONDS),
        settle=timedelta(seconds=hub.settings.settle_seconds),
    )


def claim(hub: Hub, provider: str, limit: int, least_urgent: Urgency, today: date) -> Claims:
    """Claim due shares of one provider, and log what is about to be disclosed."""

    def work(db: Connection) -> Claims:
        now, due = shares.lock_due(db, provider, limit, least_urgent)
        if not due:
            return Claims((), 0)
        # Read only now, in statements of their own: the one that took the locks may have seen an older consent.
        truth = consents.truth(db, provider, [stored.key.permit_id for stored in due])
        taken: dict[ShareKey, Share] = {}
        claimed: list[Claimed] = []
        lost: list[Ending] = []
        disclosed: list[Disclosure] = []
        for stored in due:
            permit, decision = truth.get(stored.key.permit_id, (None, None))
            shared = (
                shared_permit(permit, decision, hub.capabilities[provider], stored.reference, today) if permit else None
            )
            wanted_hash, lease_id = fields_hash(shared, hub.hash_key), uuid4()
            share = taken[stored.key] = sharing.claim(stored.share, wanted_hash, lease_id, now, timing(hub))
            if stored.share.lease_id is not None:
                lost.append(Ending(stored.share.lease_id, Outcome.UNCLEAR, LEASE_EXPIRED))
            if share.lease_id == lease_id:
                claimed.append(_claimed(stored, lease_id, shared))
                version = decision.version if decision else None
                disclosed.append(Disclosure(lease_id, *stored.key, wanted_hash, version))
        shares.store_claims(db, taken, disclosed, lost)
        return Claims(claimed, len(due))

    return transact(hub.engine, work)


def record(hub: Hub, provider: str, ended: Sequence[Ended], today: date) -> bool:
    """Record how requests ended, and tell residents what they are waiting for.

    Returns whether one of these shares is due again already: its truth moved on while it was leased, and the wake-up
    that came with the change found it leased.
    """
    told = {
        claimed.resident_id
        for claimed, result in ended
        if claimed.urgency < Urgency.ROUTINE and result.outcome is Outcome.CONFIRMED
    }

    def work(db: Connection) -> tuple[bool, list[Publication]]:
        locked = residents.lock(db, told) if told else {}
        now, found = shares.lock(db, provider, [claimed.key.permit_id for claimed, _ in ended])
        by_key = {stored.key: stored.share for stored in found}
        ours = {claimed.lease_id for claimed, _ in ended if by_key[claimed.key].lease_id == claimed.lease_id}
        for claimed, result in ended:
            by_key[claimed.key] = sharing.record(by_key[claimed.key], claimed.lease_id, result, now, timing(hub))
        endings = [Ending(claimed.lease_id, result.outcome, result.code) for claimed, result in ended]
        shares.store_records(db, by_key, endings)
        due_again = any(sharing.is_due(share, now) for share in by_key.values())
        confirmed = [claimed for claimed, result in ended if result.outcome is Outcome.CONFIRMED]
        return due_again, _tell(hub, db, [claimed for claimed in confirmed if claimed.lease_id in ours], locked)

    # Losing a routine record costs a request; losing one that was told would show a version that never was.
    due_again, publications = transact(hub.engine, work, relaxed=not told)
    publish(hub, publications, today)
    hub.live.forget_spaces([claimed.resident_id for claimed, _ in ended if claimed.resident_id not in told])
    return due_again


def _tell(hub: Hub, db: Connection, confirmed: Sequence[Claimed], locked: Mapping[str, Resident]) -> list[Publication]:
    """Write one event for each locked resident, whatever the number of their shares.

    The document is left to whoever looks: several providers confirm within milliseconds, and each would make it anew.
    """
    by_resident: dict[str, list[ShareConfirmation]] = defaultdict(list)
    for claimed in confirmed:
        if claimed.resident_id in locked:
            held, (permit_id, provider) = claimed.shared is not None, claimed.key
            by_resident[claimed.resident_id].append(
                ShareConfirmation(permit_id=permit_id, provider=provider, held=held)
            )
    if not by_resident:
        return []
    written = events.append(
        db,
        [
            NewEvent(name, locked[name].version + 1, EventType.SHARES_CONFIRMED, EventData(shares=tuple(shares_)))
            for name, shares_ in by_resident.items()
        ],
    )
    return [told_only(hub, locked[event.subject], event) for event in written]


def _claimed(stored: StoredShare, lease_id: UUID, shared: SharedPermit | None) -> Claimed:
    return Claimed(
        key=stored.key,
        lease_id=lease_id,
        reference=stored.reference,
        shared=shared,
        resident_id=stored.resident_id,
        urgency=stored.share.urgency,
        failures=stored.share.failures,
    )
