"""Workers that are ended, as by each deployment: they finish their work and leave nothing behind."""

import os
import signal
import time
from collections.abc import Callable

from permit_hub_client import Job

from tests.faults.harness import LEASE_SECONDS, Stack
from tests.faults.people import EVERYWHERE, allow_everything, applied_once, held_plates, people
from tests.support.waiting import eventually

Note = Callable[[str, object], None]
WORKERS = ("consent", "jobs", "deliver-paybyphone", "deliver-flowbird")
LEASED = "SELECT count(*) FROM shares WHERE lease_id IS NOT NULL"


def test_workers_ended_in_a_burst_lose_no_job_and_keep_no_lease(stack: Stack, record_property: Note) -> None:
    town = people(stack, 40)
    allow_everything(stack, town)
    before = {name: stack.process(name) for name in WORKERS}
    refusing, moving = town[:20], town[20:]
    jobs: list[Job] = []
    for one, other in zip(refusing, moving, strict=True):
        jobs += [stack.hub.send(one.refusal()), stack.hub.send(other.vehicle("B")), stack.hub.send(other.contact())]
    for pid in before.values():
        os.kill(pid, signal.SIGTERM)
    ended = time.monotonic()
    eventually(lambda: all(stack.process(name) != pid for name, pid in before.items()), "every worker replaced")
    record_property("replaced_s", time.monotonic() - ended)
    for job in jobs:
        assert stack.hub.receipt(job, wait=40).applied
    record_property("all_receipts_s", time.monotonic() - ended)
    stack.converges()
    record_property("converged_s", time.monotonic() - ended)
    applied_once(stack, jobs)
    eventually(lambda: stack.scalar(LEASED), "no lease beyond its time", equals=0, seconds=LEASE_SECONDS + 10)
    ours = {person.plate(letter) for person in town for letter in "AB"}
    for provider in EVERYWHERE:
        assert held_plates(stack, provider) & ours == {person.plate("B") for person in moving}
