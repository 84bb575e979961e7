"""A worker whose main loop hangs is ended and started again; one that waits for Redis is left alone."""

import os
import signal
from collections.abc import Callable

import psutil

from tests.faults.harness import Stack, seconds_until
from tests.faults.people import NOWHERE, holders, people
from tests.support.waiting import stays_true_for
from worker.tasks.process.watchdog import Limits

Note = Callable[[str, object], None]
AWAY_SECONDS = Limits().computing + 10  # longer than a loop may compute


def test_a_withdrawal_taken_by_a_hanging_worker_is_applied_by_its_replacement(
    stack: Stack, record_property: Note
) -> None:
    (person,) = people(stack, 1)
    person.shares()
    hung = psutil.Process(stack.process("consent"))
    pool = hung.children(recursive=True)
    os.kill(hung.pid, signal.SIGRTMIN)
    job = stack.hub.send(person.refusal())
    record_property(
        "removed_s", seconds_until(lambda: holders(stack, person.plate()), "removed", equals=NOWHERE, seconds=90)
    )
    assert stack.hub.receipt(job, wait=20).applied
    assert stack.process("consent") != hung.pid
    assert not [each for each in pool if each.is_running()]
    log = (stack.folder / "consent.log").read_text()
    assert "worker.hung" in log
    assert "sitecustomize.py" in log  # where it hung


def test_workers_survive_a_redis_that_does_not_answer(stack: Stack) -> None:
    (person,) = people(stack, 1)
    names = ("consent", "jobs", "bulk", "remind")
    before = [stack.process(name) for name in names]
    with stack.silent_valkey():
        stays_true_for(AWAY_SECONDS, lambda: [stack.process(name) for name in names] == before, "none was replaced")
    assert person.does(person.refusal(), wait=60).applied
    assert [stack.process(name) for name in names] == before
