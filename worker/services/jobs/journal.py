"""Keep decisions in the journal, outside of the database: before the receipt goes out, or later if that fails."""

from functools import partial
from time import monotonic
from uuid import UUID

import structlog

from schemas.jobs import ResidentJob
from worker.db import journaled
from worker.db.engine import transact
from worker.db.journaled import Waiting
from worker.hub import Hub
from worker.journal import JournalError

SLICE = 20  # decisions
SECONDS = 1.0  # of a sweep; the next continues

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
    """Put into the journal what it could not take before, for `SECONDS`; twice does no harm."""
    stop_at = monotonic() + SECONDS
    while hub.journal is not None and monotonic() < stop_at:
        waiting = transact(hub.engine, partial(journaled.waiting, limit=SLICE))
        if not waiting:
            return
        kept: list[UUID] = []
        try:
            for one in waiting:
                hub.journal.append(one.kind, one.job)
                kept.append(one.job_id)
                if monotonic() > stop_at:
                    break
        except JournalError as error:
            log.error("journal.not_written", problem=str(error))
            stop_at = monotonic()
        transact(hub.engine, partial(journaled.delete, job_ids=kept))
        log.info("journal.caught_up", decisions=len(kept))
