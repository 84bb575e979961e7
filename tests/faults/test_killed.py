"""Workers killed in the middle of their work: the hub recovers by itself and applies each job once."""

from collections.abc import Callable
from functools import partial

from integrations.sandbox.misbehaviour import Kind
from tests.faults.harness import Stack, seconds_until
from tests.faults.people import EVERYWHERE, NOWHERE, applied_once, holders, misbehaves, people, was_put
from tests.support.waiting import eventually

Note = Callable[[str, object], None]
REDELIVERED_SECONDS = 45.0


def test_a_refusal_taken_by_a_killed_worker_is_applied_within_45_seconds(stack: Stack, record_property: Note) -> None:
    taken, waiting = people(stack, 2)
    for person in (taken, waiting):
        person.shares()
    with stack.locked(taken.resident_id):
        jobs = [stack.hub.send(taken.refusal())]
        eventually(lambda: stack.waiting_for_locks(), "the refusal in the middle of its transaction", equals=1)
        jobs.append(stack.hub.send(waiting.refusal()))
        stack.kill("consent")
    record_property(
        "waiting_s", seconds_until(lambda: holders(stack, waiting.plate()), "the next one removed", equals=NOWHERE)
    )
    assert holders(stack, taken.plate()) == EVERYWHERE
    gone = seconds_until(lambda: holders(stack, taken.plate()), "removed", equals=NOWHERE, seconds=REDELIVERED_SECONDS)
    record_property("taken_s", gone)
    for job in jobs:
        assert stack.hub.receipt(job).applied
    applied_once(stack, jobs)


def test_a_withdrawal_removes_a_put_whose_drain_was_killed_before_recording(
    stack: Stack, record_property: Note
) -> None:
    (person,) = people(stack, 1)
    # One lane loses its pool after its provider has applied the put; another its whole worker, before that.
    misbehaves(stack, "paybyphone", Kind.HANG, delay_ms=0, count=100)
    misbehaves(stack, "flowbird", Kind.HANG, delay_ms=1_000, count=100)
    person.does(person.allowance())
    for provider in ("paybyphone", "flowbird"):
        eventually(partial(was_put, stack, person, provider), "a request without an answer")
    stack.kill_children("deliver-paybyphone")
    stack.kill("deliver-flowbird")
    for provider in EVERYWHERE:
        stack.control.behave(provider)
    person.does(person.refusal())
    eventually(lambda: holders(stack, person.plate()), "removed everywhere", equals=NOWHERE)
    record_property("converged_s", stack.converges())
    assert holders(stack, person.plate()) == NOWHERE
    for provider in ("paybyphone", "flowbird"):
        applied = [request for request in stack.control.requests(provider) if request.applied_ms]
        assert person.plate() not in applied[-1].body, provider  # a removal


def test_a_receipt_comes_after_the_space_that_shows_its_change(stack: Stack) -> None:
    (person,) = people(stack, 1)
    stack.converges()  # a confirmation would drop the document that is compared
    before = stack.hub.space(person.resident_id)
    assert before is not None
    job = person.vehicle("B")
    with stack.frozen("bulk"):  # so that no sweep publishes the commit
        with stack.locked(person.resident_id):
            stack.hub.send(job)
            eventually(lambda: stack.waiting_for_locks(), "the job in the middle of its transaction", equals=1)
            stack.pause_writes()
        eventually(stack.publishing, "committed, and about to publish")
        assert stack.query("SELECT FROM jobs WHERE job_id = %s", job.job_id)
        stack.kill("jobs")
        eventually(lambda: not stack.publishing(), "the killed worker's connection closed")
        stack.resume_writes()
        assert stack.hub.space(person.resident_id) == before
        assert person.does(job).version == before["version"] + 1
        after = stack.hub.space(person.resident_id)
    assert after is not None
    assert after["version"] == before["version"] + 1
    assert [card["plate"] for card in after["cards"]] != [card["plate"] for card in before["cards"]]
    applied_once(stack, [job])
