"""Reconciliation: compare what a provider lists with what it confirmed, page by page; then have differences corrected.

It never sends, and it holds one page at a time. Its position and the copies it has seen are in the database. So it
continues after any crash, in slices that end within a task's time.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import structlog
from sqlalchemy import Connection
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from integrations.base import Listing, Page
from integrations.errors import FailureCode, NotSentError, ProviderError, UnclearError
from schemas.events import ProviderEventType
from worker.db.engine import UNAVAILABLE, UnfitRowError, transact
from worker.db.sharing import drift, providers, reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.domain.breaker import hold_for
from worker.domain.consent import fields_hash
from worker.hub import Hub
from worker.services import routine
from worker.services.sharing.believable import fault_of_list
from worker.services.sharing.correct import correct_next
from worker.services.sharing.invalidate import drop_spaces_of, invalidate
from worker.services.sharing.lane import Lane, publish_provider_events

log = structlog.get_logger()

RUN_SECONDS = 3.2  # one more page, standing aside, and its record then end within a task's time
LEASE = timedelta(seconds=15)
ATTEMPTS = 3  # at a page, within seconds; a list request carries no stored payload
FAILURES = 5  # in a row, until a reconciliation is given up
PAUSE = timedelta(seconds=10)  # after a failure
NO_TOKEN_SECONDS = 0.1

UNCONFIGURED = "unconfigured"
"""The code of a reconciliation with a provider whose settings are missing or wrong."""


class _UnbelievableError(Exception):
    """A list cannot be what the provider holds for us; `code` says why. A retry does not help."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _LeaseLostError(Exception):
    """Another process continues this reconciliation: this one was frozen for longer than its lease."""


async def reconcile(lane: Lane) -> bool:
    """Continue a provider's reconciliation for a few seconds; return whether there is more to do at once."""
    hub, stop_at = lane.hub, asyncio.get_running_loop().time() + RUN_SECONDS
    run = transact(hub.engine, lambda db: reconciliations.take(db, lane.name, LEASE))
    if run is None:
        return False
    try:
        _count_expected(hub, run)
        while asyncio.get_running_loop().time() < stop_at:
            if run.read_at is not None:
                if not correct_next(hub, run, LEASE):
                    _finish(hub, run)
                    return False
                run = transact(hub.engine, partial(_read_again, run=run))
            elif lane.limiter.take(1, urgent=False):
                run = await _next_page(lane, run)
            else:
                await asyncio.sleep(NO_TOKEN_SECONDS)
        return _continue_later(hub, run)
    except ProviderError as error:  # `run` is as of the last page: a page that was read ends a run of failures
        return _fail(hub, run, error)
    except UnfitRowError:  # such as a name of the next page that does not fit its column
        return _fail(hub, run, UnclearError(lane.name, FailureCode.ANSWER_UNREADABLE))
    except _UnbelievableError as error:
        _end(hub, run, error.code)
        return False
    except _LeaseLostError:
        log.warning("reconciliation.lease_lost", provider=lane.name)
        return False


def _count_expected(hub: Hub, run: Reconciliation) -> None:
    """Count the copies expected, unless that was done, to show progress; in a cold table that may take too long."""
    if run.expected is not None:
        return
    try:
        routine.transact(hub, partial(reconciliations.expect, run=run))
    except UNAVAILABLE:
        transact(hub.engine, partial(reconciliations.expect_unknown, run=run))


async def _next_page(lane: Lane, run: Reconciliation) -> Reconciliation:
    asked_at = transact(lane.hub.engine, drift.clock)
    page = await _ask(lane, run.cursor)
    run, concerned = routine.transact(lane.hub, lambda db: _compare(lane.hub, db, run, page, asked_at))
    drop_spaces_of(lane.hub, concerned)
    return run


async def _ask(lane: Lane, cursor: str | None) -> Page:
    """Ask for a page, if need be a few times, within one request's time: the task ends soon after."""
    retrying = AsyncRetrying(
        retry=retry_if_exception(_is_transient),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.1, max=1),
        reraise=True,
    )
    try:
        async with asyncio.timeout(lane.hub.settings.request_seconds):
            async for attempt in retrying:
                with attempt:
                    return await cast(Listing, lane.adapter).page(cursor)
    except TimeoutError:
        raise UnclearError(lane.name, FailureCode.TIMED_OUT) from None
    raise AssertionError("the last attempt returns or raises")


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, (NotSentError, UnclearError)) and not _is_throttled(error)


def _is_throttled(error: ProviderError) -> bool:
    return error.retry_after is not None or error.code == FailureCode.THROTTLED


def _compare(
    hub: Hub, db: Connection, run: Reconciliation, page: Page, asked_at: datetime
) -> tuple[Reconciliation, set[str]]:
    """Compare one page, invalidate differences, and record the position; return also the residents concerned."""
    references = [copy.reference for copy in page.copies]
    known = drift.known(db, run.provider, references, asked_at)
    orphans = [reference for reference in references if reference not in known]
    differing = [
        found.permit_id
        for copy in page.copies
        if (found := known.get(copy.reference)) is not None
        and found.settled
        and found.confirmed_hash is not None  # else the lane sends it anyway
        and found.confirmed_hash not in hub.keys.each(partial(fields_hash, copy))
    ]
    new, new_orphans = reconciliations.see(db, run, references, orphans)
    advanced = reconciliations.advance(
        db,
        run,
        cursor=page.next_page,
        copies=len(references),
        differing=len(differing),
        orphans=new_orphans,
        foreign=page.foreign,
        repeated=len(references) - new,
        lasts=LEASE,
    )
    if not advanced:
        raise _LeaseLostError
    concerned: set[str] = set()
    if not run.dry_run:
        concerned = invalidate(hub, db, run.provider, differing)
    current = _read_again(db, run)
    fault = fault_of_list(current, hub.settings.orphan_margin)
    if fault is not None:
        raise _UnbelievableError(fault)
    return current, concerned


def _read_again(db: Connection, run: Reconciliation) -> Reconciliation:
    """Read the position again, unless another process has taken over."""
    read = reconciliations.read(db, run.reconciliation_id)
    if read.lease_id != run.lease_id:
        raise _LeaseLostError
    return read


def give_up(hub: Hub, provider: str, code: str) -> None:
    """End a reconciliation that this installation cannot do."""

    def transaction(db: Connection) -> None:
        run = reconciliations.take(db, provider, LEASE)
        if run is not None:
            reconciliations.finish(db, run, code)

    transact(hub.engine, transaction)
    log.warning("reconciliation.given_up", provider=provider, code=code)


def _finish(hub: Hub, run: Reconciliation) -> None:
    def transaction(db: Connection) -> None:
        if not reconciliations.finish(db, run):
            raise _LeaseLostError
        if not run.dry_run:
            providers.note(db, run.provider, ProviderEventType.RECONCILED)

    transact(hub.engine, transaction)
    publish_provider_events(hub)
    hub.wake([run.provider])
    log.info("provider.reconciled", provider=run.provider, copies=run.copies, drift=run.drift)


def _continue_later(hub: Hub, run: Reconciliation) -> bool:
    transact(hub.engine, lambda db: reconciliations.pause(db, run, timedelta(0)))
    return True


def _fail(hub: Hub, run: Reconciliation, error: ProviderError) -> bool:
    log.warning("reconciliation.failed", provider=run.provider, code=error.code, failures=run.failures + 1)
    hold = hold_for(error.retry_after) if _is_throttled(error) else timedelta(0)

    def transaction(db: Connection) -> None:
        if hold:
            providers.hold(db, run.provider, hold)
        if run.failures + 1 < FAILURES:
            reconciliations.pause(db, run, max(PAUSE, hold), error.code)

    transact(hub.engine, transaction)
    if run.failures + 1 >= FAILURES:
        _end(hub, run, error.code)
    return False


def _end(hub: Hub, run: Reconciliation, code: str) -> None:
    """End a reconciliation that cannot be completed, and publish that."""

    def transaction(db: Connection) -> None:
        if reconciliations.finish(db, run, code):
            providers.note(db, run.provider, ProviderEventType.RECONCILIATION_FAILED)

    transact(hub.engine, transaction)
    publish_provider_events(hub)
    log.warning("reconciliation.given_up", provider=run.provider, code=code, orphans=run.orphans, copies=run.copies)
