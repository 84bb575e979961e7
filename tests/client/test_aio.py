"""The client in event loops: many watches on one connection, cancelled calls, successive loops."""

import asyncio
import json
import os
import random
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from permit_hub_client import RESUMED, AsyncWatch, Calls, Event, Hub, HubUnavailable, Resumed

from tests.client.conftest import ToyHub, numbered
from tests.support.waiting import PATIENCE_SECONDS, eventually, eventually_in_loop


def _tell(toy: ToyHub, resident_id: str, sequence: int) -> int:
    heard: int = toy.redis.publish(f"{toy.prefix}watch:{resident_id}", json.dumps(numbered(sequence)))
    return heard


def _named(toy: ToyHub) -> str:
    """Return the toy's URL with a user of this test's own, which names its connections."""
    toy.redis.acl_setuser(_user(), enabled=True, passwords=["+toy"], keys=["*"], channels=["*"], commands=["+@all"])
    parts = urlsplit(toy.url)
    return parts._replace(netloc=f"{_user()}:toy@{parts.hostname}:{parts.port}").geturl()


def _user() -> str:
    return f"test-{os.getpid()}"


def _connections(toy: ToyHub, kind: str | None = None) -> int:
    return sum(client["user"] == _user() for client in toy.redis.client_list(_type=kind))


def _run(toy: ToyHub, play: Callable[[Calls], Awaitable[None]]) -> None:
    """Run a scenario with a hub in an event loop of its own; afterwards nothing is left in Redis or in the loop."""

    async def whole() -> None:
        hub = Hub(_named(toy), source="tests", prefix=toy.prefix)
        async with asyncio.timeout(60):
            await play(hub.aio)
        await hub.aio.close()
        assert len(asyncio.all_tasks()) == 1
        await eventually_in_loop(lambda: _connections(toy), equals=0)

    asyncio.run(whole())


def test_all_watches_share_one_connection(toy: ToyHub) -> None:
    async def play(aio: Calls) -> None:
        async def watch(number: int, began: asyncio.Queue[int]) -> Event | Resumed | None:
            async with aio.watch(f"r-{number}") as events:
                began.put_nowait(number)
                return await events.next(PATIENCE_SECONDS)

        began: asyncio.Queue[int] = asyncio.Queue()
        watches = [asyncio.create_task(watch(number, began)) for number in range(300)]
        for _ in watches:
            await began.get()
        assert _connections(toy, "pubsub") == 1
        assert [_tell(toy, f"r-{number}", number) for number in range(300)] == [1] * 300
        assert await asyncio.gather(*watches) == [numbered(number) for number in range(300)]

    _run(toy, play)


def test_two_watches_of_one_resident_get_the_same_events_and_end_separately(toy: ToyHub) -> None:
    async def play(aio: Calls) -> None:
        async with aio.watch("r-1") as stays:
            async with aio.watch("r-1") as leaves:
                assert _tell(toy, "r-1", 1) == 1
                assert await stays.next(PATIENCE_SECONDS) == await leaves.next(PATIENCE_SECONDS) == numbered(1)
            assert _tell(toy, "r-1", 2) == 1
            assert await stays.next(PATIENCE_SECONDS) == numbered(2)
        await eventually_in_loop(lambda: _tell(toy, "r-1", 3), equals=0)

    _run(toy, play)


def test_a_watch_begun_right_after_another_ended_gets_all_events(toy: ToyHub) -> None:
    async def play(aio: Calls) -> None:
        for sequence in range(200):
            async with aio.watch("r-1") as events:
                assert _tell(toy, "r-1", sequence) == 1
                assert await events.next(PATIENCE_SECONDS) == numbered(sequence)
            for _ in range(sequence % 4):
                await asyncio.sleep(0)

    _run(toy, play)


def test_a_watch_that_falls_behind_gets_resumed(toy: ToyHub) -> None:
    async def play(aio: Calls) -> None:
        async with aio.watch("r-slow") as slow, aio.watch("r-quick") as quick:
            for sequence in range(250):
                _tell(toy, "r-slow", sequence)
            _tell(toy, "r-quick", 1)
            assert await quick.next(PATIENCE_SECONDS) == numbered(1)
            assert await slow.next(PATIENCE_SECONDS) == {"type": RESUMED, "subject": "r-slow"}
            left = []
            while (event := await slow.next(0)) is not None:
                left.append(event)
            assert left == [numbered(sequence) for sequence in range(250 - len(left), 250)]
            assert len(left) < 250

    _run(toy, play)


def test_all_watches_get_resumed_and_later_events_after_a_lost_connection(toy: ToyHub) -> None:
    async def play(aio: Calls) -> None:
        watches = [aio.watch(f"r-{number}") for number in range(50)]
        for watch in watches:
            await watch.__aenter__()
        toy.redis.client_kill_filter(_type="pubsub")
        for number, watch in enumerate(watches):
            assert await watch.next(PATIENCE_SECONDS) == {"type": RESUMED, "subject": f"r-{number}"}
            assert _tell(toy, f"r-{number}", number) == 1
            assert await watch.next(PATIENCE_SECONDS) == numbered(number)
        for watch in watches:
            await watch.__aexit__(None, None, None)

    _run(toy, play)


class Relay:
    """A proxy to the toy's Redis that can be cut, and opened again at the same port."""

    def __init__(self, toy: ToyHub) -> None:
        self._to = urlsplit(toy.url)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://{self._to.username}:{self._to.password}@127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._writers |= {writer, inner_writer}
        await asyncio.gather(self._pass_on(reader, inner_writer), self._pass_on(inner_reader, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()


def test_a_redis_outage_ends_no_watch(toy: ToyHub) -> None:
    async def play(_aio: Calls) -> None:
        relay = Relay(toy)
        await relay.open()
        hub = Hub(relay.url, source="tests", prefix=toy.prefix, io_seconds=0.5)
        async with hub.aio.watch("r-1") as events:
            relay.cut()
            await eventually_in_loop(lambda: _tell(toy, "r-1", 1), equals=0)
            for _ in range(3):
                with pytest.raises(HubUnavailable):
                    await hub.aio.submit("consent.decide", resident_id="r-1")
            with pytest.raises(HubUnavailable):
                await hub.aio.watch("r-2").__aenter__()
            await relay.open()
            assert await events.next(PATIENCE_SECONDS) == {"type": RESUMED, "subject": "r-1"}
            assert _tell(toy, "r-1", 2) == 1
            assert await events.next(PATIENCE_SECONDS) == numbered(2)
            assert (await hub.aio.submit("consent.decide", resident_id="r-1")).applied
        await hub.aio.close()
        relay.cut()
        await eventually_in_loop(lambda: len(asyncio.all_tasks()), equals=1)

    _run(toy, play)


def test_calls_cancelled_at_any_moment_leave_no_subscription_and_get_no_foreign_result(toy: ToyHub) -> None:
    async def watch(aio: Calls, number: int) -> None:
        async with aio.watch(f"r-{number % 7}") as events:
            await events.next(PATIENCE_SECONDS)

    async def submit(aio: Calls, _: int) -> None:
        job = aio.job("consent.decide", resident_id="r-1")
        assert (await aio.submit(job, wait=PATIENCE_SECONDS)).job_id == job.job_id

    async def read(aio: Calls, number: int) -> None:
        space = await aio.space(f"r-{number % 7}", wait=PATIENCE_SECONDS)
        assert space is not None
        assert space["version"] == number % 7

    async def play(aio: Calls) -> None:
        for number in range(7):
            toy.redis.set(f"{toy.prefix}space:r-{number}", json.dumps({"version": number}))
        chance = random.Random(7)
        for _ in range(60):
            tasks = [
                asyncio.create_task(do(aio, n), name=do.__name__) for n in range(4) for do in (watch, submit, read)
            ]
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            _cancel_some(tasks, chance)
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert ended is None or isinstance(ended, asyncio.CancelledError)
        await eventually_in_loop(lambda: all(_tell(toy, f"r-{number}", 1) == 0 for number in range(7)))

    _run(toy, play)


def _cancel_some(tasks: Iterable[asyncio.Task[None]], chance: random.Random) -> None:
    """Cancel all that watch, and most of the others."""
    for task in tasks:
        if task.get_name() == "watch" or chance.random() < 0.7:
            task.cancel()


def test_closing_ends_every_watch(toy: ToyHub) -> None:
    async def play(aio: Calls) -> None:
        async def iterate(watch: AsyncWatch) -> int:
            return len([event async for event in watch])

        async with aio.watch("r-1") as iterated, aio.watch("r-1") as asked:
            iterating = asyncio.create_task(iterate(iterated))
            _tell(toy, "r-1", 1)
            assert await asked.next(PATIENCE_SECONDS) == numbered(1)
            await aio.close()
            assert await iterating == 1
            for _ in range(2):
                with pytest.raises(HubUnavailable):
                    await asked.next(PATIENCE_SECONDS)
        assert (await aio.submit("consent.decide", resident_id="r-1")).applied

    _run(toy, play)


def test_one_hub_serves_successive_event_loops_and_each_closes_its_connections(toy: ToyHub) -> None:
    hub = Hub(_named(toy), source="tests", prefix=toy.prefix)

    async def once() -> None:
        assert (await hub.aio.submit("consent.decide", resident_id="r-1")).applied
        assert _connections(toy) >= 2

    for _ in range(5):
        asyncio.run(once())  # which ends without close()
        eventually(lambda: _connections(toy), equals=0)


def test_event_loops_of_several_threads_share_a_hub(hub: Hub) -> None:
    applied: list[bool] = []

    async def several() -> None:
        receipts = await asyncio.gather(*(hub.aio.submit("consent.decide", resident_id="r-1") for _ in range(10)))
        applied.extend(receipt.applied for receipt in receipts)

    threads = [threading.Thread(target=asyncio.run, args=(several(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert applied == [True] * 40


def test_blocking_and_awaited_calls_work_side_by_side(hub: Hub) -> None:
    async def both() -> None:
        assert (await hub.aio.submit("consent.decide", resident_id="r-1")).applied
        assert hub.submit("consent.decide", resident_id="r-1").applied  # blocks the loop
        assert (await asyncio.to_thread(hub.submit, "consent.decide", resident_id="r-1")).applied

    asyncio.run(both())


def test_no_thread_is_started(hub: Hub) -> None:
    before = threading.active_count()
    assert hub.submit("consent.decide", resident_id="r-1").applied
    asyncio.run(hub.aio.submit("consent.decide", resident_id="r-1"))
    assert threading.active_count() == before


def test_a_fork_uses_none_of_the_parents_connections(hub: Hub, toy: ToyHub) -> None:
    with asyncio.Runner() as runner:
        assert runner.run(hub.aio.submit("consent.decide", resident_id="r-1")).applied
        child = os.fork()
        if child == 0:
            applied = asyncio.new_event_loop().run_until_complete(hub.aio.submit("consent.decide", resident_id="r-1"))
            os._exit(0 if applied.applied else 1)
        for _ in range(20):
            assert runner.run(hub.aio.submit("consent.decide", resident_id="r-1")).applied
        assert os.waitpid(child, 0)[1] == 0
        assert runner.run(hub.aio.submit("consent.decide", resident_id="r-1")).applied
