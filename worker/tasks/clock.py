"""The tasks that the clock starts."""

import time

from celery import current_app, shared_task

from integrations.channels.registry import CHANNELS
from worker.db.clock import ticks
from worker.db.engine import transact
from worker.services.clock import leftovers, retention, stuck
from worker.services.clock import sweep as service
from worker.services.clock.advance import advance as act_on_what_ended
from worker.services.reminders.decide import decide, due_channels
from worker.tasks.process.resources import hub
from worker.tasks.reconcile import RUN
from worker.tasks.remind import wake

ADVANCE_SECONDS = 4.5  # of the five between two ticks
WORK_SECONDS = 5.0  # and so must a slice
PURGE_SECONDS = 2.0
EXPIRES_SECONDS = 600.0  # each sweep sends them again: they must not stack up on a queue without a worker


@shared_task(name="calendar.sweep", send_events=False)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Publish, wake and reconcile what was left over."""
    if not _is_new("calendar.sweep"):
        return
    service.sweep(hub(), hub().today())
    for provider in service.waiting_reconciliations(hub()):
        current_app.send_task(RUN, args=[provider], retry=False, expires=EXPIRES_SECONDS)


@shared_task(name="calendar.advance", send_events=False)  # type: ignore[untyped-decorator]
def advance() -> None:
    """Act on terms and payments that are over; the next tick continues."""
    if _is_new("calendar.advance"):
        act_on_what_ended(hub(), hub().today(), time.monotonic() + ADVANCE_SECONDS)


@shared_task(name="calendar.remind", send_events=False)  # type: ignore[untyped-decorator]
def remind() -> None:
    """Decide which reminders matter today, and wake the channels with reminders due."""
    if not _is_new("calendar.remind"):
        return
    until = time.monotonic() + WORK_SECONDS
    while decide(hub(), hub().today()) and time.monotonic() < until:
        pass
    for channel in due_channels(hub(), CHANNELS):
        wake(channel)


@shared_task(name="calendar.purge", send_events=False)  # type: ignore[untyped-decorator]
def purge() -> None:
    """Delete data that has been kept long enough; the next tick continues."""
    if _is_new("calendar.purge"):
        retention.purge(hub(), hub().today(), time.monotonic() + PURGE_SECONDS)


@shared_task(name="calendar.clear", send_events=False)  # type: ignore[untyped-decorator]
def clear() -> None:
    """Remove what is left of erased data from Redis and its append-only file."""
    if _is_new("calendar.clear"):
        leftovers.clear(hub())


@shared_task(name="calendar.watch", send_events=False)  # type: ignore[untyped-decorator]
def watch() -> None:
    """Warn in the log of work that waits too long."""
    if _is_new("calendar.watch"):
        stuck.watch(hub(), hub().today())


@shared_task(name="calendar.reconcile", send_events=False)  # type: ignore[untyped-decorator]
def reconcile() -> None:
    """Request a reconciliation with every provider that can list; the sweeps start them."""
    service.request_reconciliations(hub())


def _is_new(task: str) -> bool:
    """Take the current tick, unless another clock has taken it."""
    seconds = float(current_app.conf.beat_schedule[task]["schedule"])
    return transact(hub().engine, lambda db: ticks.begin(db, task, seconds))
