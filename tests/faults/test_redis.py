"""Redis loses all data or is unavailable: the database has it all, and readers never see a change undone."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from permit_hub_client import HubError, Job

from tests.faults.harness import Stack
from tests.faults.people import (
    EVERYWHERE,
    NOWHERE,
    Person,
    allow_everything,
    applied,
    applied_once,
    held_plates,
    holders,
    people,
)
from tests.support.waiting import eventually

Note = Callable[[str, object], None]
LOOK_SECONDS = 0.005
AWAY_SECONDS = 3.0
PLATE = "SELECT normalised FROM plate_assignments WHERE permit_id = %s AND now() <@ during"


@contextmanager
def reader(stack: Stack, watched: Iterable[Person]) -> Iterator[list[str]]:
    """Read spaces all the time, as pages do, and collect versions that went back."""
    keys = [f"{stack.prefix}space:{person.resident_id}" for person in watched]
    stopped, went_back, seen = threading.Event(), [], dict.fromkeys(keys, (0, 0))

    def read() -> None:
        while not stopped.wait(LOOK_SECONDS):
            for key, text in zip(keys, stack.redis.mget(keys), strict=True):
                if text is not None:
                    space = json.loads(text)
                    now = (space["epoch"], space["version"])
                    if now < seen[key] or now[1] < seen[key][1]:
                        went_back.append(f"{key}: {seen[key]} then {now}")
                    seen[key] = now

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield went_back
    finally:
        stopped.set()
        thread.join()
    assert all(version for _, version in seen.values()), "a space was never read"


def lost(stack: Stack, jobs: Iterable[Job], wait: float) -> list[Job]:
    """Return the jobs without a receipt."""
    without, deadline = [], time.monotonic() + wait
    for job in jobs:
        try:
            assert stack.hub.receipt(job, wait=max(0.0, deadline - time.monotonic())).applied
        except HubError:
            without.append(job)
    return without


def test_a_redis_flushed_during_a_run_loses_no_change(stack: Stack, record_property: Note) -> None:
    town = people(stack, 24)
    allow_everything(stack, town)
    refusing, moving = town[:12], town[12:]
    epoch = int(stack.redis.get(f"{stack.prefix}epoch") or 0)
    with reader(stack, town) as went_back:
        with stack.frozen("consent"):  # so that some queued jobs are surely lost
            refusals = [stack.hub.send(person.refusal()) for person in refusing]
            first = [stack.hub.send(job) for person in town for job in (person.vehicle("B"), person.contact())]
            eventually(lambda: applied(stack, first) > len(first) // 3, "a third of the run")
            stack.redis.flushall()
        flushed = time.monotonic()
        second = [stack.hub.send(person.vehicle("C")) for person in moving]
        jobs = [*refusals, *first, *second]
        again = lost(stack, jobs, wait=4)
        assert len(again) >= len(refusals) - 1, "hardly anything was lost: this shows little"
        record_property("lost", f"{len(again)} of {len(jobs)} jobs")
        for job in again:
            assert stack.hub.submit(job, wait=20).applied
        stack.converges()
        record_property("converged_s", time.monotonic() - flushed)
        for person in town:
            version = stack.scalar("SELECT version FROM residents WHERE resident_id = %s", person.resident_id)
            space = stack.hub.space(person.resident_id, wait=20)
            assert space is not None
            assert (space["version"], space["epoch"] > epoch) == (version, True)
    assert went_back == []
    applied_once(stack, jobs)
    ours = {person.plate(letter) for person in town for letter in "ABC"}
    final = {stack.scalar(PLATE, person.permit_id) for person in moving}  # B sent again may come after C
    for provider in EVERYWHERE:
        assert held_plates(stack, provider) & ours == final


def test_workers_resume_after_redis_was_stopped_and_started(stack: Stack, record_property: Note) -> None:
    taken, queued, later = town = people(stack, 3)
    allow_everything(stack, town)
    stack.converges()
    with stack.locked(taken.resident_id):
        jobs = [stack.hub.send(taken.refusal())]
        eventually(lambda: stack.waiting_for_locks(), "one refusal in the middle of its transaction", equals=1)
        jobs.append(stack.hub.send(queued.refusal()))
        stack.stop_valkey()
    stopped = time.monotonic()
    eventually(lambda: time.monotonic() - stopped > AWAY_SECONDS, "some time without Redis")
    stack.start_valkey()
    back = time.monotonic()
    eventually(lambda: holders(stack, taken.plate()), "what was taken, in effect", equals=NOWHERE)
    record_property("taken_removed_s", time.monotonic() - back)
    eventually(lambda: holders(stack, queued.plate()), "what was queued, in effect", equals=NOWHERE)
    record_property("queued_removed_s", time.monotonic() - back)
    later.does(jobs[0])
    jobs.append(later.refusal())
    submitted = time.monotonic()
    later.does(jobs[-1])
    eventually(lambda: holders(stack, later.plate()), "the next withdrawal, in effect", equals=NOWHERE)
    record_property("next_removed_s", time.monotonic() - submitted)
    stack.converges()
    applied_once(stack, jobs)
