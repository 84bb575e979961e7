"""Rate limits: no span of time exceeds the limit over all processes, and sending continues without Redis."""

import time
from collections import deque
from typing import Protocol

import pytest
import redis

from integrations.base import Limit
from worker.limiter import ALONE, Limiter


class Make(Protocol):
    def __call__(self, *limits: Limit, url: str = ...) -> Limiter: ...


@pytest.fixture
def make(redis_url: str, redis_prefix: str) -> Make:
    def make(*limits: Limit, url: str = redis_url) -> Limiter:
        return Limiter(url, redis_prefix, "easypark", limits)

    return make


def test_without_a_limit_every_request_is_granted(make: Make) -> None:
    assert make().take(10_000, urgent=False) == 10_000


def test_no_span_of_time_exceeds_the_limit_over_all_processes(make: Make) -> None:
    limit = Limit(200, 1.0)
    lanes = [make(limit) for _ in range(3)]
    taken: list[tuple[float, int]] = []
    ends = time.monotonic() + 1.5
    while (now := time.monotonic()) < ends:
        taken += [(now, lane.take(7, urgent=number == 0)) for number, lane in enumerate(lanes)]
    within, seen = 0, deque[tuple[float, int]]()
    for moment, count in taken:
        seen.append((moment, count))
        within += count
        while seen[0][0] <= moment - limit.seconds:
            within -= seen.popleft()[1]
        assert within <= limit.count
    assert sum(count for _, count in taken) > limit.count  # the limit is used, too


def test_each_of_several_limits_holds(make: Make) -> None:
    lane = make(Limit(1_000, 1.0), Limit(50, 3_600.0))
    assert lane.take(100, urgent=True) == 5  # a tenth of the second
    assert lane.take(100, urgent=True) == 0


def test_a_part_of_the_limit_is_kept_for_urgent_requests(make: Make) -> None:
    lane = make(Limit(1_000, 3_600.0))
    assert lane.take(1_000, urgent=False) == 50
    assert lane.take(1_000, urgent=False) == 0
    assert lane.take(1_000, urgent=True) == 50


def test_unused_requests_can_be_given_back(make: Make) -> None:
    lane = make(Limit(1_000, 3_600.0))
    assert lane.take(40, urgent=False) == 40
    lane.give_back(30)
    assert lane.take(1_000, urgent=False) == 40


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_small_limit_still_grants_one_request(make: Make, count: int) -> None:
    lane = make(Limit(count, 3_600.0))
    assert lane.take(10, urgent=False) == 1
    assert lane.take(10, urgent=True) == 0


def test_without_redis_each_process_takes_a_small_part_of_the_limit(make: Make) -> None:
    lane = make(Limit(1_000, 3_600.0), url="redis://127.0.0.1:1")
    before = time.monotonic()
    granted = sum(lane.take(1, urgent=True) for _ in range(1_000))
    assert granted == 1_000 * ALONE * 0.1
    lane.give_back(4)
    assert lane.take(100, urgent=True) == 4
    assert time.monotonic() - before < 1.0


def test_a_clock_set_back_delays_no_request(make: Make, redis_url: str) -> None:
    lane = make(Limit(100, 1.0))
    assert lane.take(10, urgent=True) == 10
    with redis.Redis.from_url(redis_url) as client:
        now, _ = client.time()
        (key,) = client.keys(f"{lane._keys[0]}")
        client.set(key, now + 3_600, px=3_600_000)
    assert lane.take(10, urgent=True) == 10
