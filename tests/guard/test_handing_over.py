"""A worker killed while it is handed a message: the message is not lost, and runs once."""

import multiprocessing
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
import redis

from tests.guard import handing_over
from tests.guard.handing_over import HANDLED, PREFIX, QUEUE, Blow, draining, looping, relay
from tests.guard.harness import Raw, Worker
from tests.support.waiting import PATIENCE_SECONDS, eventually

KILLS = 50  # at each of four points
SECONDS = 60.0

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([handing_over.__name__])  # a consumer then starts within milliseconds


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.delete(*(PREFIX + name for name in (QUEUE, "taken", "taken_index")), HANDLED)
        yield client


@contextmanager
def consumer(run: Callable[..., None], *urls: str) -> Iterator[BaseProcess]:
    process = processes.Process(target=run, args=urls)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(PATIENCE_SECONDS)


@pytest.mark.parametrize("answer", [1, 2], ids=["told of a message", "handed a message"])
@pytest.mark.parametrize("arrives", [False, True], ids=["before it hears", "after it heard"])
def test_a_worker_killed_while_taking_a_message_loses_none_and_repeats_none(
    store: redis.Redis, redis_url: str, answer: int, arrives: bool, record_property: Any
) -> None:
    target = int(re.findall(r":(\d+)/", redis_url)[0])
    sent = [Raw() for _ in range(KILLS)]
    with relay(target) as (port, between):
        url = redis_url.replace(f":{target}/", f":{port}/")
        for number, raw in enumerate(sent):
            with consumer(draining if number % 5 == 4 else looping, url, redis_url) as process:
                assert process.pid is not None
                after = (number % 10) / 2_000 if arrives else None
                between.blow = Blow(process.pid, answer, after)
                store.lpush(PREFIX + QUEUE, raw.item())
                process.join(PATIENCE_SECONDS)
                assert process.exitcode == -9
    record_property("noted_as_taken", noted := store.zcard(f"{PREFIX}taken_index"))
    if answer == 2 and not arrives:
        assert noted == KILLS  # the kills hit the point
    for tag in store.zrange(f"{PREFIX}taken_index", 0, -1):
        assert isinstance(tag, bytes)
        store.zadd(f"{PREFIX}taken_index", {tag: 1})  # their workers are long dead
    with consumer(looping, redis_url, redis_url):
        eventually(lambda: set(store.lrange(HANDLED, 0, -1)) == {raw.id.encode() for raw in sent}, "all done")
        eventually(lambda: not store.exists(PREFIX + QUEUE, f"{PREFIX}taken"), "nothing left")
    times = Counter(store.lrange(HANDLED, 0, -1))
    most = 2 if arrives else 1  # killed between its end and its acknowledgement, it runs once more
    assert max(times.values()) <= most


RIGHTS = (
    *("+blmove", "+lrange", "+rpop", "+lpush", "+rpush", "+hget", "+hset", "+hdel", "+zadd", "+zrem", "+zrange"),
    *("+evalsha", "+script|load", "+multi", "+exec", "+llen", "+ping"),
)


def test_the_documented_redis_rights_suffice_to_take_and_put_back_messages(store: redis.Redis, redis_url: str) -> None:
    taken, waiting = Raw(), Raw()
    store.hset(f"{PREFIX}taken", "left", f"{QUEUE}\n".encode() + taken.item())
    store.zadd(f"{PREFIX}taken_index", {"left": 1})
    store.lpush(PREFIX + QUEUE, waiting.item())
    store.acl_setuser(
        "consumer", enabled=True, passwords=["+" + "p" * 20], keys=[f"{PREFIX}*"], commands=["-@all", *RIGHTS]
    )
    try:
        url = re.sub(r"//[^@]*@", f"//consumer:{'p' * 20}@", redis_url)
        with consumer(looping, url, redis_url):
            done = {taken.id.encode(), waiting.id.encode()}
            eventually(lambda: set(store.lrange(HANDLED, 0, -1)), "both done", equals=done)
            eventually(lambda: not store.exists(f"{PREFIX}taken"), "both acknowledged")
    finally:
        store.acl_deluser("consumer")


def test_a_worker_empties_the_queues_of_a_full_server(worker: Worker) -> None:
    eventually(worker.is_drained, "rest")
    with worker.redis.pipeline() as together:
        together.lpush(f"{worker.prefix}jobs", *(Raw(task="hub.ping").item() for _ in range(3)))
        together.config_set("maxmemory", 1)
        together.execute()
    try:
        eventually(worker.is_drained, "all taken")
    finally:
        worker.redis.config_set("maxmemory", 0)
    assert worker.call("hub.ping") == "pong"
