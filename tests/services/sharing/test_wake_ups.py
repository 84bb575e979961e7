"""A wake-up that was begun is known to be begun, even if the answer was lost on its way."""

import asyncio
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ops.embedded.servers import Servers
from tests.support.relay import hand_on, serving
from worker.live.keyspace import Keyspace
from worker.live.wake_ups import WakeUps

LANES = ["easypark", "flowbird"]


@dataclass
class LosesOneAnswer:
    """A way to Redis that cuts off one connection after the server has done what was asked."""

    port: int
    lost: bool = False

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        answers = asyncio.create_task(hand_on(there, writer))
        try:
            while data := await reader.read(65_536):
                loses = b"wake_up:" in data and not self.lost
                if loses:
                    self.lost = True
                    answers.cancel()
                back.write(data)
                if loses:
                    await there.read(1)
                    break
        finally:  # also where it is cancelled, at the test's end
            back.close()
            writer.close()
            await asyncio.gather(answers, back.wait_closed(), writer.wait_closed(), return_exceptions=True)


def test_wake_ups_whose_answer_is_lost_are_begun_all_the_same(servers: Servers, redis_prefix: str) -> None:
    way = LosesOneAnswer(servers.valkey.port)
    with serving(way) as port:
        url = servers.valkey.url.replace(f":{servers.valkey.port}", f":{port}")
        with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 2)) as client:
            wake_ups = WakeUps(Keyspace(client, redis_prefix))
            assert wake_ups.begin(LANES) == LANES
            assert way.lost
            assert wake_ups.begin([*LANES, "paybyphone"]) == ["paybyphone"]
            wake_ups.end("easypark")
            assert wake_ups.begin(LANES) == ["easypark"]
