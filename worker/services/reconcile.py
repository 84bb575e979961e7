"""Reconciliation: compare what a provider lists with what it confirmed, page by page; the lanes put right what differs.

It never sends, and it holds a page at a time: how far it has come, and which copies it has seen, is in the database. So
it goes on after any crash, in slices that end within a task's time.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

import structlog
from sqlalchemy import Connection
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from integrations.base import Listing, Page
from integrations.errors import FailureCode, NotSentError, ProviderError, UnclearError
from schemas.events import ProviderEventType
from worker.db import drift, providers, reconciliations
from worker.db.engine import transact
from worker.db.reconciliations import Reconciliation
from worker.domain.consent import fields_hash
from worker.hub import Hub
from worker.services.doubt import doubt
from worker.services.lane import Lane, tell_providers

log = structlog.get_logger()

RUN_SECONDS = 4.0  # a page and its record more, and a task's time is over
LEASE = timedelta(seconds=15)
LOOKED_AT_ONCE = 5_000
ATTEMPTS = 3  # at a page, within seconds; a list carries no stored payload
FAILURES = 5  # in a row, until a reconciliation is given up
PAUSE = timedelta(seconds=10)  # after a failure
NO_TOKEN_SECONDS = 0.1


async def reconcile(lane: Lane) -> bool:
    """Go on with a provider's reconciliation for a few seconds; return whether there is more to do at once."""
    hub = lane.hub
    stop_at = asyncio.get_running_loop().time() + RUN_SECONDS
    run = transact(hub.engine, lambda db: reconciliations.take(db, lane.name, LEASE))
    if run is None:
        return False
    try:
        while run.read_at is None:
            if asyncio.get_running_loop().time() >= stop_at:
                return _go_on_later(hub, run)
            if lane.limiter.take(1, urgent=False):
                run = await _next_page(lane, run)
            else:
                await asyncio.sleep(NO_TOKEN_SECONDS)
    except ProviderError as error:
        return _fail(hub, run, error.code)
    while asyncio.get_running_loop().time() < stop_at:
        if not _look_for_missing(hub, run):
            if not run.dry_run and lane.name in hub.public_task and not _share_all(hub, lane.name, stop_at):
                break
            _finish(hub, run)
            return False
        run = transact(hub.engine, partial(reconciliations.read, reconciliation_id=run.reconciliation_id))
    return _go_on_later(hub, run)


async def _next_page(lane: Lane, run: Reconciliation) -> Reconciliation:
    asked_at = transact(lane.hub.engine, drift.clock)
    page = await _ask(lane, run.cursor)
    return transact(lane.hub.engine, lambda db: _compare(lane.hub, db, run, page, asked_at))


async def _ask(lane: Lane, cursor: str | None) -> Page:
    """Ask for a page, a few times within seconds if need be."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((NotSentError, UnclearError)),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            try:
                async with asyncio.timeout(lane.hub.settings.request_seconds):
                    return await cast(Listing, lane.adapter).page(cursor)
            except TimeoutError:
                raise UnclearError(lane.name, FailureCode.TIMED_OUT) from None
    raise AssertionError("the last attempt returns or raises")


def _compare(hub: Hub, db: Connection, run: Reconciliation, page: Page, asked_at: datetime) -> Reconciliation:
    """Compare one page, doubt what differs, and note how far it has come."""
    references = [copy.reference for copy in page.copies]
    known = drift.known(db, run.provider, references, asked_at)
    orphans = [reference for reference in references if reference not in known]
    differing = [
        found.permit_id
        for copy in page.copies
        if (found := known.get(copy.reference)) is not None
        and found.settled
        and found.confirmed_hash is not None  # else the lane is at it
        and found.confirmed_hash != fields_hash(copy, hub.hash_key)
    ]
    reconciliations.see(db, run, references)
    advanced = reconciliations.advance(
        db,
        run,
        cursor=page.next_page,
        copies=len(references),
        differing=len(differing),
        orphans=len(orphans),
        foreign=page.foreign,
        lasts=LEASE,
    )
    if advanced and not run.dry_run:
        doubt(hub, db, run.provider, differing)
        drift.adopt(db, run.provider, orphans)
    return reconciliations.read(db, run.reconciliation_id)


def _look_for_missing(hub: Hub, run: Reconciliation) -> bool:
    """Look through the next shares for those whose copy was not listed; return whether there were any shares left."""

    def work(db: Connection) -> bool:
        assert run.started_at is not None
        last, missing = drift.missing(
            db, run.provider, run.reconciliation_id, run.started_at, run.looked_at, LOOKED_AT_ONCE
        )
        if last is not None and reconciliations.look(db, run, last, len(missing), LEASE) and not run.dry_run:
            doubt(hub, db, run.provider, missing)
        return last is not None

    return transact(hub.engine, work)


def _share_all(hub: Hub, provider: str, stop_at: float) -> bool:
    """Make the shares that permits lack: the provider may be younger than they are. Return whether that is done."""
    after: UUID | None = None
    while asyncio.get_running_loop().time() < stop_at:
        after = transact(hub.engine, partial(drift.share_all, provider=provider, after=after, limit=LOOKED_AT_ONCE))
        if after is None:
            return True
    return False


def give_up(hub: Hub, provider: str, code: str) -> None:
    """End a provider's reconciliation that cannot be done here."""

    def work(db: Connection) -> None:
        run = reconciliations.take(db, provider, LEASE)
        if run is not None:
            reconciliations.finish(db, run, code)

    transact(hub.engine, work)
    log.warning("reconciliation.given_up", provider=provider, code=code)


def _finish(hub: Hub, run: Reconciliation) -> None:
    def work(db: Connection) -> None:
        reconciliations.finish(db, run)
        providers.note(db, run.provider, ProviderEventType.RECONCILED)

    transact(hub.engine, work)
    tell_providers(hub)
    hub.kick([run.provider])
    log.info("provider.reconciled", provider=run.provider, copies=run.copies, drift=run.drift)


def _go_on_later(hub: Hub, run: Reconciliation) -> bool:
    transact(hub.engine, lambda db: reconciliations.pause(db, run, timedelta(0)))
    return True


def _fail(hub: Hub, run: Reconciliation, code: str) -> bool:
    log.warning("reconciliation.failed", provider=run.provider, code=code, failures=run.failures + 1)
    if run.failures + 1 >= FAILURES:
        transact(hub.engine, lambda db: reconciliations.finish(db, run, code))
    else:
        transact(hub.engine, lambda db: reconciliations.pause(db, run, PAUSE, code))
    return False
