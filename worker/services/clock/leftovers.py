"""Remove what is left of erased data from Redis and its append-only file.

An erasure is noted in its own transaction. A minute later, every task that had read the resident before has ended. Then
their documents are dropped again and the file is rewritten. One rewrite serves many erasures.
"""

from datetime import timedelta

import structlog

from worker import append_only
from worker.append_only import AppendOnly, RewriteAnswer
from worker.db.clock import leftovers
from worker.db.clock.leftovers import FileRewrite, Problem
from worker.db.engine import transact
from worker.hub import Hub

SETTLE = timedelta(seconds=60)  # longer than any task runs, and than a history is kept


log = structlog.get_logger()


def clear(hub: Hub, settle: timedelta = SETTLE) -> None:
    """Drop what erasures may have left in Redis, and start a rewrite of its file, at least once a day.

    It does not wait for the rewrite.

    Raises:
        worker.hub.UNAVAILABLE: the database or Redis is unavailable.
    """
    file = append_only.read_state(hub.live.client)
    if file.is_being_rewritten:
        return
    last = transact(hub.engine, leftovers.read)
    problem = _note_end(hub, last, file)
    count, erased = transact(hub.engine, lambda db: leftovers.take(db, settle))
    hub.live.spaces.drop(erased)
    for resident_id in erased:
        hub.live.documents.drop(resident_id)
    if not file.is_kept:
        transact(hub.engine, leftovers.end)
    elif count or last.is_due or problem is Problem.FAILED:
        _ask(hub, file, problem)


def _note_end(hub: Hub, last: FileRewrite, file: AppendOnly) -> Problem | None:
    """Record how the last rewrite ended; return the problem if there is one."""
    if last.redis_run_id == file.run_id and not file.last_failed:
        transact(hub.engine, leftovers.end)
        log.info("append_only.rewritten")
        return None
    if last.redis_run_id is not None:  # it failed, or Redis restarted first
        return _failed(hub, last.problem)
    transact(hub.engine, leftovers.give_back)  # taken by a worker that died before it asked for the rewrite
    return last.problem


def _ask(hub: Hub, file: AppendOnly, problem: Problem | None) -> None:
    match append_only.rewrite(hub.live.client):
        case RewriteAnswer.BEGUN:
            transact(hub.engine, lambda db: leftovers.asked(db, file.run_id))
        case RewriteAnswer.NOT_NOW:
            _failed(hub, problem)
        case RewriteAnswer.REFUSED:
            transact(hub.engine, leftovers.refuse)
            if problem is not Problem.REFUSED:
                log.warning("append_only.refused")


def _failed(hub: Hub, before: Problem | None) -> Problem:
    transact(hub.engine, leftovers.fail)
    if before is not Problem.FAILED:
        log.warning("append_only.failed")
    return Problem.FAILED
