"""The clock over a million permits: finding, deciding and sending reminders, and a night in which many terms end.

The clock is stopped while work is measured that it would start by itself.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psutil
from permit_hub_client import RESUMED

from bench.city import apply_remaining_ends, end_terms, fill_city
from bench.figures import Figure, rates, times
from bench.ground import RECEIPT_SECONDS, Ground, Inhabitant
from bench.inside import hub_inside
from bench.withdrawals import withdraw
from ops.shown.space import APPS, METERS
from worker.db.clock import ended
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.clock.advance import SLICE as ENDS_AT_ONCE
from worker.services.reminders.decide import SLICES, decide

PERMITS, QUICK_PERMITS = 1_000_000, 100_000
PLANNED = 20_000
MAILS, QUICK_MAILS = 5_000, 1_500
ENDS, QUICK_ENDS = 50_000, 5_000
FIND_SECONDS, PLAN_SECONDS, MEGABYTES = 1.0, 10.0, 20.0
MAIL_RATE = 200.0
ENDS_RATE = 300.0
WITHDRAWN_P99_MS, CHANGED_P99_MS = 120.0, 300.0
SAMPLE_SECONDS = 1.0

DUE = "SELECT count(*) FROM reminders WHERE state = 'due'"
LEAVE = """
    UPDATE reminders SET state = 'sent' WHERE reminder_id NOT IN (SELECT reminder_id FROM reminders LIMIT %s)
"""
LEFT = "SELECT count(*) FROM terms WHERE NOT end_applied AND last_day < %s"


def measure(ground: Ground, *, quick: bool) -> list[Figure]:
    """Measure a day's reminders, then a night's ends."""
    permits = QUICK_PERMITS if quick else PERMITS
    with _clock_stopped(ground):
        fill_city(ground, permits)
        hub = hub_inside(ground)
        figures = [*_deciding(hub, permits), *_finding(hub, permits)]
        hub.engine.dispose()
        ground.database.execute(LEAVE, [QUICK_MAILS if quick else MAILS])
    figures.append(_sending(ground))
    return [*figures, *_night(ground, permits, QUICK_ENDS if quick else ENDS)]


def _deciding(hub: Hub, permits: int) -> list[Figure]:
    """Decide all reminders of today, slice by slice; on a city's first day they are many."""
    process = psutil.Process()
    before, slices, planned, seconds = process.memory_info().rss, 0, 0, 0.0
    while True:
        rows, started = min(SLICES.size, SLICES.most), time.perf_counter()
        if not decide(hub, hub.today()):
            break
        slices += 1
        if planned < PLANNED:
            planned += rows
            seconds += time.perf_counter() - started
    grown = (process.memory_info().rss - before) / 1e6
    return [
        Figure(
            f"planning {planned:,} reminders of {permits:,} permits",
            seconds,
            "s",
            measured=slices,
            target=PLAN_SECONDS,
        ),
        Figure(f"memory grown by {slices} slices", grown, "MB", target=MEGABYTES),
    ]


def _finding(hub: Hub, permits: int) -> list[Figure]:
    """Find due work when there is none, as the clock does all day."""
    today, month = hub.today(), timedelta(days=30)
    named: dict[str, Callable[[], object]] = {
        "reminders": lambda: decide(hub, today),
        "ends": lambda: transact(hub.engine, lambda db: ended.due_residents(db, today, ENDS_AT_ONCE)),
        "a month's ends": lambda: transact(hub.engine, lambda db: ended.due_residents(db, today + month, ENDS_AT_ONCE)),
    }
    return [
        figure
        for name, find in named.items()
        for figure in times(
            f"finding {name} of {permits:,} permits",
            [_milliseconds(find) for _ in range(20)],
            median_target=FIND_SECONDS * 1000,
            p99_target=None,
        )
    ]


def _milliseconds(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return (time.perf_counter() - started) * 1000


def _sending(ground: Ground) -> Figure:
    """Let the worker of reminders send the due ones to the mailbox's server."""
    each: list[float] = []
    left, at = int(ground.scalar(DUE)), time.perf_counter()
    while left:
        time.sleep(SAMPLE_SECONDS)
        now_left, now = int(ground.scalar(DUE)), time.perf_counter()
        if 0 < now_left < left:
            each.append((left - now_left) / (now - at))
        left, at = now_left, now
    return rates("e-mails, from one process", each, "/s", MAIL_RATE)


def _night(ground: Ground, permits: int, ends: int) -> list[Figure]:
    """End many terms at once; meanwhile residents withdraw consent and change vehicles, one at a time."""
    inhabitants = ground.sharing(400 if ends == ENDS else 60)
    with _clock_stopped(ground):
        end_terms(ground, ends, [*APPS, METERS])
    ground.until(lambda: _left(ground) < ends, "the night's work has begun")
    started, before = time.perf_counter(), _left(ground)
    withdrawn: list[float] = []
    changed: list[float] = []
    for inhabitant, other in zip(inhabitants[::2], inhabitants[1::2], strict=True):
        if not _left(ground):
            break
        withdrawn += withdraw(ground, [inhabitant])[0]
        changed.append(_change_vehicle(ground, other))
    rate = (before - _left(ground)) / (time.perf_counter() - started)
    apply_remaining_ends(ground)
    night = f"in a night of {ends:,} ends"
    return [
        Figure(
            f"ends acted on meanwhile, of {ends:,} among {permits:,} permits",
            rate,
            "/s",
            target=ENDS_RATE,
            at_most=False,
        ),
        *times(f"withdrawal {night}, 4 confirmed", withdrawn, median_target=None, p99_target=WITHDRAWN_P99_MS),
        *times(f"change of vehicle {night}, 4 confirmed", changed, median_target=None, p99_target=CHANGED_P99_MS),
    ]


def _left(ground: Ground) -> int:
    return int(ground.scalar(LEFT, ground.today))


def _change_vehicle(ground: Ground, inhabitant: Inhabitant) -> float:
    """Change a permit's vehicle; return the milliseconds until every app has confirmed the new plate."""
    job = ground.hub.job(
        "permit.change_vehicle",
        resident_id=inhabitant.resident_id,
        permit_id=inhabitant.permit_id,
        plate=ground.plate(),
    )
    with ground.hub.watch(inhabitant.resident_id) as watch:
        started = time.perf_counter()
        assert ground.hub.submit(job, wait=RECEIPT_SECONDS).applied
        waiting = set(APPS)
        while waiting:
            event = watch.next(RECEIPT_SECONDS)
            if event is None or event["type"] == RESUMED:
                raise TimeoutError(f"no confirmation from {sorted(waiting)}")
            waiting -= {share["provider"] for share in event["data"]["shares"] if share["held"]}
        return (time.perf_counter() - started) * 1000


@contextmanager
def _clock_stopped(ground: Ground) -> Iterator[None]:
    beat = ground.stack.process_ids["beat"]
    os.kill(beat, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(beat, signal.SIGCONT)
