"""Apply again what a restored database does not know any more: decisions that the journal has.

A refusal and an erasure are applied as the jobs that they were. An allowance is not: its resident may have refused
since, and allows again if that is still wanted. In all three cases providers may hold what the database knows nothing
of, so the truth is sent to them again.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import islice
from uuid import UUID

import structlog
from sqlalchemy import Connection

from schemas.jobs import ConsentChoice, DecideConsent, Job, ResidentJob
from schemas.receipts import Outcome
from schemas.validation import InvalidJobError, parse_job
from worker.db import hub_state, journaled
from worker.db.engine import transact
from worker.db.jobs import permits, residents
from worker.db.sharing import shares
from worker.db.sharing.shares import ShareKey
from worker.db.trip import Trip, run
from worker.domain import sharing
from worker.domain.sharing import Share, Urgency
from worker.hub import Hub
from worker.journal import Damaged, Entry, Journal
from worker.services.jobs.handle import apply, is_decision
from worker.services.sharing.claim import timing
from worker.services.sharing.invalidate import drop_spaces_of

SLICE = 500

log = structlog.get_logger()


@dataclass(slots=True)
class Found:
    """What the journal has, and what of it the database has lost: counts by choice, or `erase`."""

    decisions: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    refused: int = 0  # lost decisions that could not be applied again
    damaged: list[Damaged] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Return whether the journal was there, and each line of it could be dealt with."""
        return self.decisions > 0 and not self.refused and not self.damaged


def check(hub: Hub, journal: Journal) -> Iterator[Found]:
    """Look through the journal, slice by slice; yields the counts so far.

    Raises:
        JournalError: the journal cannot be read.
    """
    found = Found()
    for _ in _unknown(hub, journal, found):
        yield found


def replay(hub: Hub, journal: Journal, today: date) -> Iterator[Found]:
    """Apply what the database does not know, slice by slice; yields the counts so far. It can be run again.

    Raises:
        JournalError: the journal cannot be read.
    """
    found = Found()
    for unknown in _unknown(hub, journal, found):
        for kind, job in unknown:
            found.refused += not _apply(hub, kind, job, today)
        yield found
    if found.is_whole:
        transact(hub.engine, hub_state.note_replayed)


def _unknown(hub: Hub, journal: Journal, found: Found) -> Iterator[list[tuple[str, ResidentJob]]]:
    lines, lost_since = journal.read(), transact(hub.engine, hub_state.read).lost_since
    while taken := list(islice(lines, SLICE)):
        entries = [line for line in taken if isinstance(line, Entry)]
        found.damaged += [line for line in taken if isinstance(line, Damaged)]
        found.decisions += len(entries)
        asked = [(entry.resident_id, entry.job_id) for entry in entries]
        lost = transact(hub.engine, partial(journaled.unknown, decisions=asked, lost_since=lost_since))
        jobs: dict[UUID, tuple[str, ResidentJob]] = {}  # a decision may be there several times
        for entry in entries:
            if entry.job_id in lost and (job := _read(entry, found)) is not None:
                jobs[entry.job_id] = entry.kind, job
        found.unknown.update(_choice(job) for _, job in jobs.values())
        yield list(jobs.values())


def _read(entry: Entry, found: Found) -> ResidentJob | None:
    try:
        job = parse_job(entry.kind, entry.job) if is_decision(entry.kind) else None
    except InvalidJobError:
        job = None
    if not isinstance(job, ResidentJob):
        found.damaged.append(Damaged(entry.where))
        return None
    return job


def _choice(job: Job) -> str:
    return job.choice.value if isinstance(job, DecideConsent) else "erase"


def _apply(hub: Hub, kind: str, job: ResidentJob, today: date) -> bool:
    """Apply a decision again, unless it allows; return whether it could be dealt with."""
    if _choice(job) != ConsentChoice.ALLOW:
        receipt = apply(hub, kind, job, today)
        if receipt.outcome is Outcome.REFUSED:
            log.error("restore.not_replayed", kind=kind, job=str(job.job_id), code=receipt.code)
            return False
    transact(hub.engine, partial(_send_again, hub, job))
    drop_spaces_of(hub, [job.resident_id])
    log.info("restore.replayed", kind=kind, job=str(job.job_id))
    return True


def _send_again(hub: Hub, job: ResidentJob, db: Connection) -> None:
    """Have the truth sent again to every provider that may hold the resident's data."""
    with Trip(db) as trip:
        locked = trip.ask(residents.lock([job.resident_id]))
        stored = trip.ask(shares.lock_of_residents([job.resident_id]))
        permit_ids = trip.ask(permits.ids_of(job.resident_id))
    for resident in locked.value.values():
        now = resident.locked_at
        # A share that the restore lost had the reference that a new one gets.
        may_be = {ShareKey(one, name): Share(due_at=now) for one in permit_ids.value for name in hub.on_consent}
        may_be |= {one.key: one.share for one in stored.value[job.resident_id]}
        again = {
            key: sharing.want(sharing.invalidate(share, now, timing(hub)), Urgency.CONSENT, now)
            for key, share in may_be.items()
        }
        run(db, shares.upsert(again, hub.keys.current))
    journaled.note_replayed(db, job.job_id)
