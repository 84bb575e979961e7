"""The transaction before requests to providers: it claims due shares, and logs what is about to be disclosed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection

from integrations.base import Capabilities, Change, Operation
from schemas.shared import SharedPermit
from worker.db import hub_state
from worker.db.engine import transact
from worker.db.jobs import consents
from worker.db.jobs.consents import Truth
from worker.db.sharing import providers, shares
from worker.db.sharing.disclosures import Disclosure, DisclosureOutcome
from worker.db.sharing.providers import LaneState
from worker.db.sharing.shares import Due, ShareKey, StoredShare
from worker.db.trip import ONE_PLAN, Trip, run
from worker.domain import sharing
from worker.domain.consent import ConsentDecision, fields_hash, shared_permit, subject_of
from worker.domain.sharing import NOTHING, RequestOutcome, Result, Share, Timing, Urgency
from worker.hub import Hub
from worker.services.sharing.lane import Lane

log = structlog.get_logger()

LEASE_EXPIRED = "lease_expired"
RECORD_SECONDS = 4.0  # of a lease, for recording after the request's deadline
ROWS_AT_ONCE = 500  # first puts in one claim, at most: all are to be sent within one lease
URGENT_ROWS = 32  # shares of urgency 0 of one provider in one claim, at most
PROBE_LOOKS_AT = 20  # due shares among which a probe looks for a removal


@dataclass(frozen=True, slots=True)
class ClaimedShare:
    """A leased share: the change to send, or the operation to ask about."""

    key: ShareKey
    lease_id: UUID
    disclosure_id: UUID
    change: Change
    removal: bool
    operation: Operation | None
    resident_id: str | None
    urgency: Urgency
    failures: int


Ended = tuple[ClaimedShare, Result]


def timing(hub: Hub) -> Timing:
    """Return the lease and the settling time (T), from the settings."""
    return Timing(
        lease=timedelta(seconds=hub.settings.request_seconds + RECORD_SECONDS),
        settle=timedelta(seconds=hub.settings.settle_seconds),
    )


class Claim(NamedTuple):
    """What one claim found: shares to send or ask about; a share that is right already needs no request.

    There may be `more` to claim at once, and `fresh` decisions, which are left to the urgent drain for a moment.
    """

    shares: list[ClaimedShare]
    more: bool
    fresh: bool


def claim(lane: Lane, requests: int, least_urgent: Urgency, today: date, *, fresh_seconds: float = 0.0) -> Claim:
    """Claim due shares of one provider for `requests` requests, and log the disclosures that they make.

    Decisions without a failure are left alone for `fresh_seconds`. While the breaker is open, only
    shares that were never tried are claimed, and a probe.
    """
    hub = lane.hub

    def transaction(db: Connection) -> tuple[LaneState, Claim]:
        room = _Room(lane.adapter.capabilities, requests)
        due, more = _lock_due(lane, db, room, least_urgent, fresh_seconds)
        claimed = _claim(hub, db, due.shares, due.now, today, {lane.name: room})
        if due.state.probe_due and not claimed and providers.begin_probe(db, lane.name, timing(hub).lease):
            probed = run(db, shares.lock_due(lane.name, PROBE_LOOKS_AT, Urgency.ROUTINE, probe=True))
            claimed = _claim(hub, db, probed.shares, probed.now, today, {lane.name: _Room.for_a_probe()})
        return due.state, Claim(claimed, (more or room.turned_away) and not due.state.probe_due, due.has_fresh)

    lane.state, found = transact(hub.engine, transaction)
    return found


def claim_urgent(
    hub: Hub, lanes: Mapping[str, Lane], requests: Mapping[str, int], today: date
) -> tuple[list[ClaimedShare], set[str]]:
    """Claim due shares of urgency 0 of several providers together, for so many `requests` to each.

    Returns the shares to send or ask about, and the providers that may have more.
    """

    def transaction(db: Connection) -> tuple[list[ClaimedShare], set[str]]:
        rooms = {name: _Room(lanes[name].adapter.capabilities, number) for name, number in requests.items()}
        with Trip(db) as trip:
            trip.ask(ONE_PLAN)
            locked = trip.ask(shares.lock_urgent(requests.keys(), URGENT_ROWS))
        found = locked.value
        now = max(due.now for due in found.values())  # one moment for all: the start of the transaction
        claimed = _claim(hub, db, [stored for due in found.values() for stored in due.shares], now, today, rooms)
        for name, due in found.items():
            lanes[name].state = due.state
        more = {name for name, due in found.items() if len(due.shares) == URGENT_ROWS or rooms[name].turned_away}
        return claimed, more

    return transact(hub.engine, transaction)


def may_share(claimed: ClaimedShare, capabilities: Capabilities) -> bool:
    """Return whether a change may share a request with others."""
    is_first_put = claimed.change.version == 1 and not claimed.removal
    return claimed.operation is None and (is_first_put or not capabilities.batch_of_first_puts)


@dataclass(slots=True)
class _Room:
    """The requests still to be filled: each carries one change, or several that may share it."""

    capabilities: Capabilities | None  # None: no request is shared
    requests: int
    beside: int = 0  # changes that still fit into the last shared request
    turned_away: bool = False

    @classmethod
    def for_a_probe(cls) -> "_Room":
        """Return room for one change."""
        return cls(None, 1)

    @property
    def is_probe(self) -> bool:
        """Return whether the room is for one change alone, to find out whether a provider works."""
        return self.capabilities is None

    def take(self, claimed: ClaimedShare) -> bool:
        """Reserve a place for a change; return whether there was one."""
        shares_one = self.capabilities is not None and may_share(claimed, self.capabilities)
        if shares_one and self.beside:
            self.beside -= 1
            return True
        if not self.requests:
            self.turned_away = True
            return False
        self.requests -= 1
        if shares_one and self.capabilities is not None:
            self.beside = self.capabilities.batch - 1
        return True


def _lock_due(lane: Lane, db: Connection, room: _Room, least_urgent: Urgency, fresh_seconds: float) -> tuple[Due, bool]:
    """Lock as many due shares as the requests can carry; return also whether there may be more.

    If only first puts share a request, and some are found, the lock is widened to fill the request with them.
    """
    limit = room.requests * lane.batch
    due = run(db, shares.lock_due(lane.name, limit, least_urgent, fresh_seconds=fresh_seconds))
    capabilities = lane.adapter.capabilities
    if capabilities.batch_of_first_puts and len(due.shares) == limit:
        first = sum(stored.share.requests == 0 for stored in due.shares)
        wider = min(limit + first * (capabilities.batch - 1), max(limit, ROWS_AT_ONCE))
        if wider > limit:
            limit = wider
            due = run(db, shares.lock_due(lane.name, limit, least_urgent, fresh_seconds=fresh_seconds))
    return due, len(due.shares) == limit


def _claim(
    hub: Hub, db: Connection, due: Sequence[StoredShare], now: datetime, today: date, rooms: Mapping[str, _Room]
) -> list[ClaimedShare]:
    if not due:
        return []
    # Read in a later statement: the one that took the locks may have seen an older consent.
    with Trip(db) as trip:
        trip.ask(ONE_PLAN)
        truths = trip.ask(consents.truth([stored.key for stored in due if stored.share.operation is None]))
        is_current = trip.ask(hub_state.is_current())
    truth, held = truths.value, frozenset() if is_current.value else hub.on_consent
    wanted = {stored.key: _wanted(hub, stored, truth, today) for stored in due}
    if any(room.is_probe for room in rooms.values()):  # removals come first
        due = sorted(due, key=lambda stored: stored.share.operation is not None or wanted[stored.key][0] is not None)
    taken: dict[ShareKey, Share] = {}
    claimed: list[ClaimedShare] = []
    lost: list[DisclosureOutcome] = []
    disclosed: list[Disclosure] = []
    for stored in due:
        shared, decision = wanted[stored.key]
        lease_id = uuid4()
        subject = _subject(hub, stored, truth)
        fields = hub.keys.like(stored.share.confirmed_hash, partial(fields_hash, shared))
        share = sharing.claim(stored.share, fields, lease_id, now, timing(hub), subject)
        if share.lease_id == lease_id:
            candidate = _claimed_share(stored, share, shared)
            if stored.key.provider in held and not candidate.removal and candidate.operation is None:
                taken[stored.key] = sharing.withhold(stored.share)
                continue
            if not rooms[stored.key.provider].take(candidate):
                continue
            claimed.append(candidate)
            if share.operation is None:
                assert share.claimed_hash is not None
                version = decision.version if decision else None
                disclosed.append(Disclosure(lease_id, *stored.key, share.claimed_hash, version))
        taken[stored.key] = share
        if stored.share.lease_id is not None and stored.share.operation is None:
            lost.append(DisclosureOutcome(stored.share.lease_id, RequestOutcome.UNCLEAR, LEASE_EXPIRED))
    run(db, shares.store_claims(taken, disclosed, lost))
    return claimed


def _wanted(
    hub: Hub, stored: StoredShare, truth: Truth, today: date
) -> tuple[SharedPermit | None, ConsentDecision | None]:
    permit, decision = truth.get(stored.key, (None, None))
    if permit is None:
        return None, decision
    return shared_permit(permit, decision, hub.capabilities[stored.key.provider], stored.reference, today), decision


def _subject(hub: Hub, stored: StoredShare, truth: Truth) -> bytes | None:
    """Return the subject of a right that a refusal leaves in place (without it, the holder is fined), or None."""
    permit, _ = truth.get(stored.key, (None, None))
    if permit is None or stored.key.provider not in hub.public_task:
        return None
    return hub.keys.like(stored.share.held_subject, partial(subject_of, permit))


def _claimed_share(stored: StoredShare, share: Share, shared: SharedPermit | None) -> ClaimedShare:
    assert share.lease_id is not None
    assert share.claimed_by is not None
    removal = share.claimed_hash == NOTHING
    return ClaimedShare(
        key=stored.key,
        lease_id=share.lease_id,
        disclosure_id=share.claimed_by,
        change=Change(stored.reference, share.requests, None if removal else shared),
        removal=removal,
        operation=None if share.operation is None else Operation(share.operation),
        resident_id=stored.resident_id,
        urgency=stored.share.urgency,
        failures=stored.share.failures,
    )
