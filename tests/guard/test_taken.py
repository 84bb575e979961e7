"""Taken messages: after any failure half way, each is in exactly one place, byte for byte."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from uuid import uuid4

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import OutOfMemoryError, ResponseError

from worker.tasks.broker.taken import Source, TakenMessages

JOBS, CONSENT = Source("jobs", "jobs"), Source("consent", "consent")
ENTRIES, INDEX = "taken", "taken_index"


class Place:
    """One prefix of a Valkey, as the worker and the test see it."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self.client = client
        self.prefix = prefix
        self.taken = TakenMessages(client, prefix)
        self.tags = (f"tag-{number}" for number in count())

    def push(self, *items: bytes, queue: str = "jobs") -> None:
        self.client.lpush(self.prefix + queue, *items)

    def waiting(self, queue: str = "jobs") -> list[bytes | str]:
        """Return the waiting items, the next first."""
        return self.client.lrange(self.prefix + queue, 0, -1)[::-1]

    def noted(self) -> dict[bytes | str, bytes | str]:
        entries = self.client.hgetall(self.prefix + ENTRIES)
        assert set(entries) == set(self.client.zrange(self.prefix + INDEX, 0, -1))
        return entries


@pytest.fixture(scope="module")
def place(redis_url: str) -> Iterator[Place]:
    with closing(redis.Redis.from_url(redis_url)) as client:
        yield Place(client, f"taken-{uuid4().hex[:12]}:")


@pytest.fixture(autouse=True)
def _empty(place: Place) -> Iterator[None]:
    yield
    for key in place.client.scan_iter(f"{place.prefix}*", count=10_000):
        place.client.delete(key)


@given(items=st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_messages_put_back_keep_their_bytes_and_order(place: Place, items: list[bytes]) -> None:
    place.push(*items)
    taken = {next(place.tags): number for number in range(len(items))}
    assert [place.taken.take(tag, number, [JOBS]) for tag, number in taken.items()] == [("jobs", it) for it in items]
    assert (place.waiting(), len(place.noted())) == ([], len(items))
    for tag in place.taken.since_before(len(items)):
        assert place.taken.put_back_first(tag) is None
    assert (place.waiting(), place.noted()) == (items, {})
    place.client.delete(place.prefix + "jobs")


def test_lists_are_taken_from_in_the_order_given_skipping_empty_ones(place: Place) -> None:
    assert place.taken.take("tag", 1, [CONSENT, JOBS]) is None
    assert place.noted() == {}
    place.push(b"one")
    place.push(b"two", queue="consent")
    assert place.taken.take("first", 1, [CONSENT, JOBS]) == ("consent", b"two")
    assert place.taken.take("second", 1, [CONSENT, JOBS]) == ("jobs", b"one")


def test_a_repeated_take_returns_the_same_message(place: Place) -> None:
    place.push(b"one", b"two")
    assert place.taken.take("tag", 1, [JOBS]) == place.taken.take("tag", 1, [JOBS]) == ("jobs", b"one")
    assert place.waiting() == [b"two"]
    assert place.noted() == {b"tag": b"jobs\none"}


@pytest.mark.parametrize("broken", [ENTRIES, INDEX])
def test_a_message_that_cannot_be_noted_is_not_taken(place: Place, broken: str) -> None:
    place.push(b"one")
    place.client.set(place.prefix + broken, "no such thing")
    with pytest.raises(ResponseError):
        place.taken.take("tag", 1, [JOBS])
    assert place.waiting() == [b"one"]


def test_a_message_that_cannot_be_put_back_stays_noted(place: Place) -> None:
    place.push(b"one")
    place.taken.take("tag", 1, [JOBS])
    place.client.set(place.prefix + "jobs", "no list")
    with pytest.raises(ResponseError):
        place.taken.put_back_first("tag")
    assert place.noted() == {b"tag": b"jobs\none"}


def test_a_message_put_back_or_dropped_is_not_put_back_again(place: Place) -> None:
    place.push(b"one", b"two")
    place.taken.take("one", 1, [JOBS])
    place.taken.take("two", 1, [JOBS])
    place.taken.drop("two")
    for tag in ("one", "one", "two"):
        assert place.taken.put_back_first(tag) is None
    assert (place.waiting(), place.noted()) == ([b"one"], {})


def test_a_message_that_killed_a_process_goes_last_on_its_queue(place: Place) -> None:
    place.push(b"one", b"two")
    place.taken.take("tag", 1, [JOBS])
    assert place.taken.put_back_last("tag", b"one, again") is None
    assert (place.waiting(), place.noted()) == ([b"two", b"one, again"], {})


def test_an_entry_with_an_unreadable_queue_is_returned_and_left(place: Place) -> None:
    place.client.hset(place.prefix + ENTRIES, "tag", b"\xff\n{}")
    place.client.zadd(place.prefix + INDEX, {"tag": 1})
    assert place.taken.put_back_first("tag") == b"\xff\n{}"
    assert place.noted() == {b"tag": b"\xff\n{}"}


def test_messages_taken_recently_are_not_restored(place: Place) -> None:
    place.push(b"one", b"two")
    place.taken.take("old", 10, [JOBS])
    place.taken.take("new", 20, [JOBS])
    assert place.taken.since_before(15) == [b"old"]


def test_scripts_are_loaded_again_after_a_script_flush(place: Place) -> None:
    place.push(b"one")
    place.client.script_flush()
    assert place.taken.take("tag", 1, [JOBS]) == ("jobs", b"one")
    place.client.script_flush()
    assert place.taken.put_back_first("tag") is None
    assert place.waiting() == [b"one"]


def test_messages_of_a_full_server_can_be_taken_and_put_back(place: Place) -> None:
    place.push(b"one", b"two")
    place.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            place.push(b"three")
        assert place.taken.take("first", 1, [JOBS]) == ("jobs", b"one")
        assert place.taken.take("second", 1, [JOBS]) == ("jobs", b"two")
        assert place.taken.put_back_first("second") is None
        assert place.taken.put_back_last("first", b"one again") is None
    finally:
        place.client.config_set("maxmemory", 0)
    assert (place.waiting(), place.noted()) == ([b"two", b"one again"], {})
