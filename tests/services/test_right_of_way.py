"""Routine work stands aside for a resident's decision, for a bounded part of its time."""

import asyncio
import signal
from collections.abc import Callable

import pytest
import redis
from structlog.testing import capture_logs

from integrations.base import Change, Operation
from integrations.memory import InMemory
from ops.embedded.servers import Servers, free_port
from tests.services.hubs import lane_of
from tests.services.in_redis import as_operator
from tests.services.upstream import ANNE, Upstream
from tests.support.relay import relay
from tests.support.waiting import eventually
from worker import quick_redis, right_of_way
from worker.hub import Hub
from worker.quick_redis import ALONE_SECONDS
from worker.right_of_way import LONGEST_SECONDS, LOOK_SECONDS, RightOfWay
from worker.services.sharing.drain import Drain
from worker.services.sharing.urgent import UrgentDrain


class Clock:
    """A clock that moves when somebody sleeps; `slept` is called with the new time."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: Callable[[float], None] = lambda _: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(right_of_way, "time", made)
    monkeypatch.setattr(quick_redis, "time", made)
    return made


@pytest.fixture
def way(redis_url: str, redis_prefix: str) -> RightOfWay:
    return RightOfWay(redis_url, redis_prefix)


@pytest.fixture
def stood(clock: Clock, way: RightOfWay) -> Callable[[], float]:
    """Stand aside, and return for how long."""

    def stood() -> float:
        began = clock.now
        way.stand_aside()
        return clock.now - began

    return stood


def keys(hub: Hub) -> list[str]:
    return [hub.live.key(f"right_of_way:{part}") for part in ("deciding", "sending")]


def taken(hub: Hub) -> bool:
    return bool(hub.live.client.exists(*keys(hub)))


def give_up_all(hub: Hub) -> None:
    """Let routine work go on, as the drains of all decisions would."""
    hub.live.client.delete(*keys(hub))


def test_work_goes_on_at_once_when_no_decision_is_under_way(stood: Callable[[], float]) -> None:
    assert stood() == 0


def test_work_stands_aside_until_the_right_of_way_is_given_up(
    clock: Clock, way: RightOfWay, stood: Callable[[], float]
) -> None:
    def give_up(now: float) -> None:
        if now - 1_000.0 > LONGEST_SECONDS / 2:
            way.give_up([token])

    clock.slept = give_up
    token = way.take()
    assert LONGEST_SECONDS / 2 < stood() <= LONGEST_SECONDS / 2 + 2 * LOOK_SECONDS


def test_in_a_flood_of_decisions_half_of_the_time_is_kept_for_work(
    clock: Clock, way: RightOfWay, stood: Callable[[], float]
) -> None:
    standing = 0.0
    while clock.now < 1_030.0:
        way.take()
        standing += stood()
        clock.now += LOOK_SECONDS  # a bit of work
    assert 0.4 < standing / 30 < 0.51


def test_a_right_of_way_that_nobody_gives_up_ends_by_itself(way: RightOfWay, hub: Hub) -> None:
    way.hand_over(way.take())
    way.take()
    assert way.is_taken()  # over the same connection: the server has taken note
    assert all(0 < as_operator(hub).pttl(key) <= LONGEST_SECONDS * 1_000 for key in keys(hub))


def test_a_decision_waits_for_no_answer_about_its_right_of_way(servers: Servers, redis_prefix: str, hub: Hub) -> None:
    port = free_port()
    url = servers.valkey.url.replace(f":{servers.valkey.port}", f":{port}")
    way = RightOfWay(url, redis_prefix)
    with relay(port, servers.valkey.port) as frozen, capture_logs() as logged:
        assert not way.is_taken()  # connects
        frozen.send_signal(signal.SIGSTOP)
        token = way.take()
        assert not taken(hub)
        assert logged == []
        frozen.send_signal(signal.SIGCONT)
        eventually(lambda: taken(hub), "the right of way")
        way.give_up([token])
        eventually(lambda: not taken(hub), "the end of the right of way")
    with relay(port, servers.valkey.port):  # the connection was cut meanwhile
        way.take()
        eventually(lambda: taken(hub), "the right of way")


def test_without_redis_nobody_stands_aside_and_it_is_seldom_asked(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    unreachable = RightOfWay("redis://127.0.0.1:1", "none:")
    exists = redis.Redis.exists

    def counted(self: redis.Redis, *names: str) -> object:
        asked.append(clock.now)
        return exists(self, *names)

    monkeypatch.setattr(redis.Redis, "exists", counted)
    unreachable.give_up([unreachable.take()])
    clock.now += ALONE_SECONDS
    for _ in range(100):
        unreachable.stand_aside()
        clock.now += ALONE_SECONDS / 50
    assert len(asked) == 2


def test_a_decision_and_an_erasure_take_the_right_of_way_and_nothing_else_does(upstream: Upstream, hub: Hub) -> None:
    upstream.active()
    assert not taken(hub)
    upstream.allow()
    assert taken(hub)
    give_up_all(hub)
    upstream.applied("resident.update_contact", name="A", email="a@example.org")
    upstream.take_over(upstream.row("r-imported"))
    assert not taken(hub)
    upstream.applied("resident.erase", ANNE)
    assert taken(hub)


def test_a_decision_with_nothing_to_send_gives_up_the_right_of_way(upstream: Upstream, hub: Hub) -> None:
    upstream.refuse()
    assert not taken(hub)
    upstream.active()
    upstream.allow(seen=0)  # refused: another decision was made since
    assert not taken(hub)


def test_a_slow_look_counts_as_standing_aside(
    way: RightOfWay, clock: Clock, stood: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = redis.Redis.exists

    def slowly(self: redis.Redis, *names: str) -> object:
        clock.now += 0.08
        return exists(self, *names)

    monkeypatch.setattr(redis.Redis, "exists", slowly)
    standing, began = 0.0, clock.now
    while clock.now < began + 10:
        standing += stood()
        clock.now += LOOK_SECONDS
    assert standing / 10 < 0.55


def test_a_withdrawal_found_by_a_record_does_not_wait_for_its_own_right_of_way(
    upstream: Upstream, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(InMemory):
        async def send(self, change: Change) -> Operation | None:
            if not self.calls:
                upstream.refuse()
            return await super().send(change)

    monkeypatch.setattr(right_of_way, "LONGEST_SECONDS", 60.0)
    upstream.active()
    upstream.allow()
    give_up_all(hub)
    twin = Refusing("easypark", hub.capabilities["easypark"])
    asyncio.run(Drain(lane_of(hub, twin), hub.today).run())
    assert len(twin.calls) == 2
    assert not twin.held
    assert taken(hub)


def test_a_drain_sends_nothing_while_a_decision_has_the_right_of_way(
    upstream: Upstream, hub: Hub, twins: dict[str, InMemory]
) -> None:
    upstream.active()
    upstream.allow()
    lane = lane_of(hub, twins["easypark"])
    hub.right_of_way.take()

    async def sent_after() -> tuple[int, int]:
        draining = asyncio.create_task(Drain(lane, hub.today).run())
        await asyncio.sleep(LONGEST_SECONDS / 3)
        during = len(twins["easypark"].calls)
        give_up_all(hub)
        await draining
        return during, len(twins["easypark"].calls)

    assert asyncio.run(sent_after()) == (0, 1)


def test_an_import_stands_aside(upstream: Upstream, hub: Hub, clock: Clock) -> None:
    before = clock.now
    hub.right_of_way.take()
    upstream.take_over(upstream.row("r-imported"))
    assert clock.now - before >= LONGEST_SECONDS


Draining = Callable[[Callable[[], object]], None]


class Meanwhile(InMemory):
    """A provider that does something before its first answer."""

    then: Callable[[], object]

    async def send(self, change: Change) -> Operation | None:
        """Answer as the twin does."""
        if not self.calls:
            self.then()
        return await super().send(change)


@pytest.fixture
def drained(upstream: Upstream, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Draining:
    """Withdraw consent and have an urgent drain send that; something else happens meanwhile."""

    monkeypatch.setattr(right_of_way, "LONGEST_SECONDS", 60.0)

    def drained(then: Callable[[], object]) -> None:
        upstream.active()
        upstream.allow()
        twin = Meanwhile("easypark", hub.capabilities["easypark"])
        twin.then = then
        asyncio.run(UrgentDrain(hub, {"easypark": lane_of(hub, twin)}, hub.today).run())
        assert twin.calls

    return drained


def test_a_drain_gives_up_the_right_of_way_of_the_decisions_that_it_sent(drained: Draining, hub: Hub) -> None:
    seen: list[bool] = []
    drained(lambda: seen.append(taken(hub)))
    assert seen == [True]
    assert not taken(hub)


@pytest.mark.parametrize("ends", ["decided", "committed"])
def test_a_drain_leaves_the_right_of_way_of_a_later_decision(
    drained: Draining, way: RightOfWay, hub: Hub, ends: str
) -> None:
    def decide_again() -> None:
        token = way.take()
        if ends == "committed":
            way.hand_over(token)

    drained(decide_again)
    assert taken(hub)


def test_a_drain_leaves_the_right_of_way_of_a_decision_that_was_not_committed_when_it_began(
    drained: Draining, way: RightOfWay, hub: Hub
) -> None:
    way.take()
    drained(lambda: None)
    assert taken(hub)
