"""Keep decisions in the journal, outside of the database: before the receipt goes out, or later if that fails."""

from functools import partial

import structlog
from sqlalchemy import Connection

from schemas.jobs import ResidentJob
from worker.db import journaled
from worker.db.engine import transact
from worker.db.journaled import Waiting
from worker.hub import Hub
from worker.journal import JournalError

SLICE = 100  # decisions in one sweep

log = structlog.get_logger()


class NotJournaledError(Exception):
    """A decision is carried out but not in the journal, so it has no receipt yet; its sender asks again."""


def keep(hub: Hub, kind: str, job: ResidentJob) -> None:
    """Keep a decision that was carried out.

    Raises:
        NotJournaledError: the journal cannot be written; a sweep tries again.
    """
    if hub.journal is None:
        return
    text = job.model_dump_json(exclude_none=True)
    try:
        hub.journal.append(kind, text)
    except JournalError as error:
        log.error("journal.not_written", kind=kind, job=str(job.job_id), problem=str(error))
        transact(hub.engine, partial(journaled.note, waiting=Waiting(job.job_id, kind, text)))
        raise NotJournaledError from None


def catch_up(hub: Hub) -> None:
    """Put into the journal what it could not take before."""
    if hub.journal is None:
        return
    try:
        transact(hub.engine, partial(_catch_up, hub))
    except JournalError as error:
        log.error("journal.not_written", problem=str(error))


def _catch_up(hub: Hub, db: Connection) -> None:
    assert hub.journal is not None
    waiting = journaled.take(db, SLICE)
    for one in waiting:
        hub.journal.append(one.kind, one.job)
    if waiting:
        journaled.delete(db, [one.job_id for one in waiting])
        log.info("journal.caught_up", decisions=len(waiting))
