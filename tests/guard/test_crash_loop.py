"""A message whose task kills its process runs a few times more, then never again."""

from tests.guard.harness import Worker
from tests.guard.poison import SECRET
from tests.support.waiting import eventually


def test_a_message_that_kills_its_process_is_tried_a_few_times_only(worker: Worker) -> None:
    main = worker.process.pid
    worker.refusals()
    task_id = worker.send("probe.die", SECRET)
    receipt = worker.answer(task_id, seconds=25)
    assert (receipt["code"], receipt["field"]) == ("malformed_message", "headers.lost_children")
    assert worker.redis.get(f"{worker.prefix}run.died") == b"3"
    assert len(worker.refusals()) == 1
    eventually(worker.is_drained, "an empty broker")
    assert worker.process.poll() is None
    assert worker.process.pid == main
    assert worker.call("permit.cancel", "{}") == 2
    assert SECRET not in worker.logged()
