"""Views on the running hub show no personal data."""

import json
from collections.abc import Iterator

import pytest
from celery import Celery

from ops.embedded import programs
from ops.embedded.servers import PROVIDERS
from tests.faults.harness import Stack
from tests.faults.people import people
from tests.faults.privacy import tells
from tests.support.waiting import eventually


@pytest.fixture
def onlooker(stack: Stack) -> Iterator[Celery]:
    app = Celery("onlooker", broker=stack.valkey.url, set_as_current=False)
    app.conf.broker_transport_options = {"global_keyprefix": stack.prefix}
    yield app
    app.close()


def test_inspection_shows_tasks_and_no_personal_data(stack: Stack, onlooker: Celery) -> None:
    (person,) = people(stack, 1)
    inspect = onlooker.control.inspect(timeout=5, limit=len(programs.WORKERS) + len(PROVIDERS))
    with stack.locked(person.resident_id):
        running = [stack.hub.send(person.contact()), stack.hub.send(person.refusal())]
        eventually(lambda: stack.waiting_for_locks(), "two jobs in the middle of their transactions", equals=2)
        shown = json.dumps(
            [inspect.active(), inspect.reserved(), inspect.stats(), inspect.query_task(running[0].job_id)]
        )
    assert all(str(job.job_id) in shown for job in running)
    assert not tells(stack, shown.encode())
    for job in running:
        assert stack.hub.receipt(job).applied


def test_the_search_for_personal_data_finds_it_where_it_is_stored(stack: Stack) -> None:
    (person,) = people(stack, 1)

    def space() -> object:
        assert stack.hub.space(person.resident_id)  # has it made; a lane that has just confirmed drops it again
        return tells(stack, repr(stack.redis.get(f"{stack.prefix}space:{person.resident_id}")).encode())

    eventually(space, "the space in Redis")
    with stack.frozen("jobs"):
        jobs = [stack.hub.send(person.vehicle(letter)) for letter in "BCDE"]
        queued = stack.redis.lrange(f"{stack.prefix}jobs", 0, -1)
    assert queued
    assert all(tells(stack, repr(item).encode()) for item in queued)
    assert all(stack.hub.receipt(job, wait=20).applied for job in jobs)
