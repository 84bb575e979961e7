"""A connection that waits for a queue knows whether an answer is to come, whatever became of it meanwhile."""

from collections.abc import Iterator

import pytest
import redis

from worker.tasks.broker.waiting import Wait


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_an_answer_is_to_come_on_the_connection_that_asked_and_on_no_later_one(
    server: redis.Redis, redis_prefix: str
) -> None:
    key = f"{redis_prefix}queue"
    wait = Wait(server, key)
    wait.connection = server.connection_pool.get_connection()
    assert not wait.unanswered
    wait.ask()
    assert wait.unanswered

    wait.connection.disconnect()
    assert not wait.unanswered
    wait.connection.connect()
    assert not wait.unanswered

    wait.ask()
    assert wait.unanswered
    server.lpush(key, "item")
    assert wait.hear()
    assert not wait.unanswered
    assert server.lrange(key, 0, -1) == [b"item"]
    wait.close()
