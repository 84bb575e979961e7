"""Publish changes: at once after each commit, or later from the database if that failed."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import groupby

import structlog
from sqlalchemy import Connection

from schemas.events import Event
from schemas.space import Space
from worker.db import hub_state
from worker.db.engine import snapshot, transact
from worker.db.hub_state import HubState
from worker.db.jobs import consents, permits, residents
from worker.db.jobs.residents import Published, Resident
from worker.db.publishing import events
from worker.db.sharing import shares
from worker.db.sharing.shares import StoredShare
from worker.db.trip import Trip, run
from worker.domain.consent import ConsentDecision
from worker.domain.permit import Permit
from worker.domain.sharing import Share
from worker.domain.space import make_space
from worker.hub import Hub
from worker.live.spaces import Publication, PublishOutcome
from worker.services import going_back

log = structlog.get_logger()

SLICE = 500  # residents published again at once
_ATTEMPTS = 4  # an attempt fails only if a newer change or a new epoch comes in between


def publish(hub: Hub, publications: Sequence[Publication], today: date) -> None:
    """Publish committed changes: spaces, and events for those who watch."""
    outcomes = zip(publications, hub.live.spaces.publish(publications), strict=True)
    republish(
        hub,
        [publication.resident_id for publication, outcome in outcomes if outcome is not PublishOutcome.PUBLISHED],
        today,
    )


def republish(hub: Hub, resident_ids: Collection[str], today: date) -> dict[str, int]:
    """Publish residents' spaces, and every event that may be unpublished, from the database.

    Returns the version that each resident's space now shows; unknown residents are left out.
    """
    shown: dict[str, int] = {}
    behind = set(resident_ids)
    for _ in range(_ATTEMPTS):
        if not behind:
            break
        _learn_epoch(hub)
        publications = transact(hub.engine, partial(read_publications, hub, behind, today))
        outcomes = hub.live.spaces.publish(publications)
        behind = set()
        for publication, outcome in zip(publications, outcomes, strict=True):
            if outcome is PublishOutcome.PUBLISHED:
                shown[publication.resident_id] = publication.version
            else:
                behind.add(publication.resident_id)
    if behind:
        log.warning("spaces.not_published", residents=len(behind))
    return shown


def events_only(hub: Hub, resident: Resident, event: Event) -> Publication:
    """Return a change that is published without its space: the next reader has the document made."""
    return Publication(
        resident_id=resident.resident_id,
        epoch=hub.live.epoch.known,
        version=event.sequence,
        published_version=resident.published_version,
        space=None,
        events=[event],
    )


def follow_redis(hub: Hub) -> None:
    """Start a new epoch if Redis or the database is another, or in an earlier state, than when the last epoch started.

    Documents of earlier epochs may show changes that were undone since. They are dropped, and readers ask for new ones.
    """
    state = transact(hub.engine, partial(_follow, hub))
    hub.live.epoch.known = state.epoch
    hub.live.epoch.remember(state.mark)  # after the commit: what Redis remembers, the database has had
    if state.cleared_epoch != state.epoch:
        hub.live.spaces.drop_other_epochs(state.epoch)
        transact(hub.engine, partial(_note_cleared, state.epoch))


def _follow(hub: Hub, db: Connection) -> HubState:
    """Return the hub's state, with the epoch that Redis is now in."""
    state = hub_state.lock(db)
    redis = hub.live.epoch.remembered()  # under the lock: epochs start one at a time
    sign, state = going_back.compare(hub, db, state, redis.mark)
    if sign is not None or (state.epoch, state.redis_run_id) != (redis.epoch, redis.run_id):
        state = replace(state, epoch=max(state.epoch, redis.epoch or 0) + 1, redis_run_id=redis.run_id)
        hub.live.epoch.start(state.epoch)
        log.info("epoch.started", epoch=state.epoch)
    state = replace(state, mark=max(state.mark, redis.mark or 0) + 1)
    hub_state.write(db, state)
    return state


def _note_cleared(epoch: int, db: Connection) -> None:
    hub_state.write(db, replace(hub_state.lock(db), cleared_epoch=epoch))


def space_of(
    hub: Hub,
    resident: Resident | Published,
    version: int,
    held: Iterable[Permit],
    ledger: Sequence[ConsentDecision],
    stored: Iterable[StoredShare],
    today: date,
) -> Space:
    """Return a resident's personal space from what was read in one transaction."""
    by_provider: dict[str, list[Share]] = {name: [] for name in hub.capabilities}
    for share in stored:
        by_provider.setdefault(share.key.provider, []).append(share.share)
    return make_space(
        resident_id=resident.resident_id,
        epoch=hub.live.epoch.known,
        version=version,
        permits=held,
        ledger=ledger,
        reminders=resident.reminders,
        shares=by_provider,
        public_task=hub.public_task,
        today=today,
        tariffs=hub.tariffs,
    )


def _learn_epoch(hub: Hub) -> None:
    """Learn the epoch before reading what will be published in it."""
    shown = hub.live.epoch.read()
    hub.live.epoch.known = transact(hub.engine, partial(_follow, hub)).epoch if shown is None else shown


def read_publications(hub: Hub, resident_ids: Collection[str], today: date, db: Connection) -> list[Publication]:
    """Read residents' spaces, and every event that may be unpublished, in one snapshot of the database."""
    snapshot(db)
    with Trip(db) as trip:
        residents_read = trip.ask(residents.read_many(resident_ids))
        held, ledgers = trip.ask(permits.of_residents(resident_ids)), trip.ask(consents.in_effect(resident_ids))
        stored = trip.ask(shares.of_residents(resident_ids))
    known = residents_read.value
    unpublished = run(db, events.after({resident.resident_id: resident.published_version for resident in known}))
    events_of = {subject: list(group) for subject, group in groupby(unpublished, key=lambda event: event.subject)}
    publications = []
    for resident in known:
        name = resident.resident_id
        space = space_of(
            hub, resident, resident.version, held.value[name], ledgers.value[name], stored.value[name], today
        )
        publications.append(
            Publication(
                resident_id=name,
                epoch=space.epoch,
                version=resident.version,
                published_version=resident.published_version,
                space=space,
                events=events_of.get(name, ()),
            )
        )
    return publications
