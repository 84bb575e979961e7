"""Poison on a queue is acknowledged, refused with a code, recorded and answered, and has no other effect."""

import hmac
import time
from collections.abc import Iterator

import pytest

from tests.guard.harness import HASH_KEY, Raw, Worker
from tests.guard.poison import BROADCASTS, HARMLESS, POISON, SECRET, TAKEN, Poison
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _unharmed(worker: Worker) -> Iterator[None]:
    """After the test the same processes run, the broker is empty, and the log shows no data."""
    worker.refusals()
    before, logged = worker.pids(), len(worker.logged())
    yield
    eventually(worker.is_drained, "an empty broker")
    assert worker.pids() == before
    log = worker.logged()[logged:]
    assert SECRET not in log
    assert "Traceback" not in log
    assert max(map(len, log.splitlines()), default=0) < 2_000


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.label)
def test_poison_is_refused_recorded_and_answered(worker: Worker, poison: Poison) -> None:
    run = worker.redis.get(f"{worker.prefix}run")
    worker.push(poison.item, poison.queue)
    recorded = worker.awaited_refusals()
    assert [(one.code, one.field, one.queue, str(one.task_id), one.size) for one in recorded] == [
        (poison.code, poison.field, poison.queue.partition("\x06")[0], str(poison.task_id), len(poison.item))
    ]
    if poison.task_id is not None:
        receipt = worker.answer(poison.task_id)
        assert (receipt["outcome"], receipt["code"], receipt.get("field")) == ("refused", poison.code, poison.field)
    assert worker.redis.get(f"{worker.prefix}run") == run


@pytest.mark.parametrize("raw", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_header_that_the_gate_ignores_does_not_refuse_a_message(worker: Worker, raw: Raw) -> None:
    worker.push(raw.item())
    assert worker.answer(raw.id) == 2
    assert worker.refusals() == []


def test_a_sender_cannot_choose_the_tag_or_key_of_a_taken_message(worker: Worker) -> None:
    properties = {"delivery_tag": "another's", "delivery_info": {"exchange": "x", "routing_key": "elsewhere"}}
    held = Raw(task="probe.hold", properties=properties)
    worker.push(held.item())
    worker.wait_until_held(held.id)
    kept = worker.redis.hgetall(f"{worker.prefix}taken")
    worker.release(held.id)
    assert list(kept) != [b"another's"]
    (entry,) = kept.values()
    assert isinstance(entry, bytes)
    assert entry.partition(b"\n")[0] == b"jobs"


def test_a_batch_of_poison_does_not_delay_the_next_job(worker: Worker) -> None:
    for poison in POISON:
        worker.push(poison.item, poison.queue)
    eventually(worker.is_drained, "all of it gone")
    started = time.monotonic()
    assert worker.call("permit.cancel", "{}") == 2
    assert time.monotonic() - started < 1.0  # a worker that restarts or waits takes seconds
    assert len(worker.refusals()) == len(POISON)


def test_poison_is_answered_while_the_database_is_unavailable(worker: Worker) -> None:
    raw = Raw(headers={"chain": "no-database"})
    logged = len(worker.logged())
    with worker.without_database():
        worker.push(raw.item())
        assert worker.answer(raw.id)["code"] == "malformed_message"
    assert worker.refusals() == []
    assert "message.refusal_not_recorded" in worker.logged()[logged:]


@pytest.mark.parametrize("item", BROADCASTS, ids=lambda item: f"{item[:8]!r} of {len(item)}")
def test_a_broadcast_that_is_not_a_command_is_dropped(worker: Worker, item: bytes) -> None:
    worker.redis.publish(f"{worker.prefix}/0.celery.pidbox", item)
    assert worker.call("hub.ping") == "pong"
    eventually(lambda: [one.queue for one in worker.refusals()] == ["broadcast"], "a record")


def test_a_worker_cannot_be_stopped_over_the_broker(worker: Worker) -> None:
    worker.app.control.shutdown()
    worker.app.control.cancel_consumer("jobs")
    worker.app.control.pool_shrink(1)
    assert worker.app.control.ping(timeout=0.5)
    assert worker.call("hub.ping") == "pong"


def put_among_the_taken(worker: Worker, tag: bytes, entry: bytes) -> None:
    """Note a message as taken by a worker that has long been dead."""
    worker.redis.hset(f"{worker.prefix}taken", tag, entry)
    worker.redis.zadd(f"{worker.prefix}taken_index", {tag: time.time() - 3_600})


def test_poison_among_taken_messages_is_dropped_at_redelivery(worker: Worker) -> None:
    for number, entry in enumerate(TAKEN):
        put_among_the_taken(worker, f"poisoned-{number}".encode(), entry)
    put_among_the_taken(worker, b"\xff\x00", SECRET.encode())
    worker.redis.zadd(f"{worker.prefix}taken_index", {"no-entry": time.time() - 3_600})
    recorded = worker.awaited_refusals(len(TAKEN) + 1)
    assert len(recorded) == len(TAKEN) + 1
    assert {(one.code, one.queue) for one in recorded} == {("malformed_message", "taken")}
    eventually(lambda: not worker.redis.zcard(f"{worker.prefix}taken_index"), "an empty index")


@pytest.mark.parametrize("item", [b"", b"\xff\x00\n\xfe", b"jobs\n{}", SECRET.encode()])
def test_poison_taken_by_a_dead_worker_is_put_back_unchanged(worker: Worker, item: bytes) -> None:
    put_among_the_taken(worker, b"poison", b"jobs\n" + item)
    recorded = worker.awaited_refusals()
    digest = hmac.digest(HASH_KEY.encode(), item, "sha256").hex()
    assert [(one.code, one.queue, one.size) for one in recorded] == [("not_json", "jobs", len(item))]
    assert digest in worker.logged()


def test_a_task_can_requeue_its_own_message(worker: Worker) -> None:
    assert worker.call("probe.put_back", "{}") == "{}"
    assert worker.refusals() == []


def test_a_queue_key_that_is_not_a_list_stops_no_other_queue(worker: Worker) -> None:
    before = worker.pids()
    worker.redis.set(f"{worker.prefix}bulk", SECRET)
    try:
        eventually(lambda: "queue.unreadable" in worker.logged(), "a log line")
        for _ in range(3):
            assert worker.call("permit.cancel", "{}") == 2
    finally:
        worker.redis.delete(f"{worker.prefix}bulk")
    assert worker.call("hub.ping", queue="bulk") == "pong"
    assert worker.pids() == before


def test_a_message_taken_by_a_dead_worker_runs(worker: Worker) -> None:
    raw = Raw()
    put_among_the_taken(worker, b"left", b"jobs\n" + raw.item())
    assert worker.answer(raw.id) == 2
