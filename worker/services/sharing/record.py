"""The transaction after requests to providers: it records how they ended, and tells residents who wait."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import structlog
from sqlalchemy import Connection

from schemas.events import EventData, EventType, ShareConfirmation
from worker.db.engine import transact
from worker.db.jobs import residents
from worker.db.jobs.residents import Resident
from worker.db.publishing import events
from worker.db.publishing.events import NewEvent
from worker.db.sharing import shares
from worker.db.sharing.disclosures import DisclosureOutcome
from worker.db.trip import ONE_PLAN, Trip
from worker.domain import sharing
from worker.domain.sharing import RequestOutcome, Result, Urgency
from worker.hub import UNAVAILABLE, Hub
from worker.live.spaces import Publication
from worker.services.publishing.publish import events_only, publish
from worker.services.sharing.claim import ClaimedShare, Ended, timing
from worker.services.sharing.lane import Lane, publish_provider_events

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a record has found about some providers.

    `due_again` have a share here whose truth changed while it was leased: the wake-up for that change found it leased.
    `judged` have another state than before.
    """

    due_again: set[str]
    judged: list[str]


def record(hub: Hub, lanes: Mapping[str, Lane], ended: Sequence[Ended], today: date) -> Recorded:
    """Record how requests to these lanes' providers ended, and tell the residents who wait for it."""
    results: dict[str, list[Result]] = defaultdict(list)
    for claimed, result in ended:
        results[claimed.key.provider].append(result)
    waiting = {
        claimed.resident_id
        for claimed, result in ended
        if claimed.urgency < Urgency.ROUTINE
        and result.outcome is RequestOutcome.CONFIRMED
        and claimed.resident_id is not None
    }

    def transaction(db: Connection) -> tuple[set[str], list[str], list[Publication]]:
        with Trip(db) as trip:
            trip.ask(ONE_PLAN)
            awaited = trip.ask(residents.lock(waiting)) if waiting else None
            leased = trip.ask(shares.lock([claimed.key for claimed, _ in ended]))
        locked = awaited.value if awaited else {}
        now, found = leased.value
        by_key = {stored.key: stored.share for stored in found}
        still_leased = {claimed.lease_id for claimed, _ in ended if by_key[claimed.key].lease_id == claimed.lease_id}
        for claimed, result in ended:
            by_key[claimed.key] = sharing.record(by_key[claimed.key], claimed.lease_id, result, now, timing(hub))
        due_again = {key.provider for key, share in by_key.items() if sharing.is_due(share, now)}
        # A provisional confirmation is not published: a stray may still undo it.
        settled = [
            claimed
            for claimed, result in ended
            if result.outcome is RequestOutcome.CONFIRMED
            and claimed.lease_id in still_leased
            and by_key[claimed.key].holds is not None
        ]
        new = list(_new_events(settled, locked))
        with Trip(db) as trip:
            trip.ask(shares.store_records(by_key, [_outcome(*end) for end in ended if _tells_of_request(*end)]))
            appended = trip.ask(events.append(new)) if new else None
        judged = [name for name in sorted(results) if lanes[name].judge(db, results[name])]
        written = appended.value if appended else []
        publications = [events_only(hub, locked[event.subject], event) for event in written]
        return due_again, judged, publications

    # A lost routine record costs a request. A lost record of an event would leave a version that never was.
    due_again, judged, publications = transact(hub.engine, transaction, relaxed=not waiting)
    for name, of_one in results.items():
        lanes[name].note_refusals(of_one)
    published = {publication.resident_id for publication in publications}
    unseen = {claimed.resident_id for claimed, _ in ended if claimed.resident_id is not None} - published
    _show(hub, publications, unseen, today)
    if judged:
        publish_provider_events(hub)
    return Recorded(due_again, judged)


def _show(hub: Hub, publications: Sequence[Publication], unseen: Collection[str], today: date) -> None:
    """Publish what is recorded. Without Redis the sweep does it later, and stale documents expire soon."""
    try:
        publish(hub, publications, today)
        hub.live.spaces.drop(sorted(unseen))
    except UNAVAILABLE as error:  # requests in flight are still to be recorded
        log.warning("records.not_published", error=type(error).__name__)


def _outcome(claimed: ClaimedShare, result: Result) -> DisclosureOutcome:
    return DisclosureOutcome(claimed.disclosure_id, result.outcome, result.code)


def _tells_of_request(claimed: ClaimedShare, result: Result) -> bool:
    """Return whether this tells how the request ended: a question may learn nothing of its operation."""
    return claimed.operation is None or result.outcome not in sharing.STILL_OPEN


def _new_events(settled: Sequence[ClaimedShare], locked: Mapping[str, Resident]) -> Iterator[NewEvent]:
    """Yield one event for each locked resident, for all their shares.

    The document is made by the next reader: several providers confirm within milliseconds, and each would remake it.
    """
    by_resident: dict[str, list[ShareConfirmation]] = defaultdict(list)
    for claimed in settled:
        if claimed.resident_id is not None and claimed.resident_id in locked:
            held, (permit_id, provider) = not claimed.removal, claimed.key
            by_resident[claimed.resident_id].append(
                ShareConfirmation(permit_id=permit_id, provider=provider, held=held)
            )
    for name, shares_ in by_resident.items():
        yield NewEvent(name, locked[name].version + 1, EventType.SHARES_CONFIRMED, EventData(shares=tuple(shares_)))
