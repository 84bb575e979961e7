"""A drain that is cut off: Redis fails, or the process itself was stopped for a while."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis

from integrations.memory import InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import BOB, Upstream
from worker.domain.breaker import FAILURES_TO_OPEN
from worker.hub import Hub
from worker.live.live import Live
from worker.live.wake_ups import WakeUps
from worker.services.sharing.drain import Drain

PROVIDER = "easypark"


class CutOff(WakeUps):
    """A wake-up that arrived before the connection to Redis was lost."""

    def end(self, name: str) -> None:
        """Let the drain begin."""


@pytest.fixture
def cut_off(quick: Hub) -> Iterator[Hub]:
    client = redis.Redis.from_url("redis://127.0.0.1:1", retry=None)
    live = Live.over(client, quick.live.key(""), quick.zone)
    yield replace(quick, live=replace(live, wake_ups=CutOff(live.keyspace)))
    client.close()


@pytest.mark.parametrize("residents", [1, 2], ids=["routine", "told"])
def test_requests_under_way_when_redis_fails_are_sent_and_recorded(
    upstream: Upstream, cut_off: Hub, twins: dict[str, InMemory], evidence: Evidence, residents: int
) -> None:
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(20)))
    for _ in range(residents - 1):
        upstream.active(BOB)
        upstream.allow(BOB)
    asyncio.run(Drain(lane_of(cut_off, twins[PROVIDER]), cut_off.today).run())
    assert len(twins[PROVIDER].held) == len(twins[PROVIDER].calls) == 19 + residents
    assert evidence.value("SELECT count(*) FROM shares WHERE provider = %s AND NOT holds", PROVIDER) == 0
    assert evidence.value("SELECT count(*) FROM disclosure_outcomes") == 19 + residents


def test_a_stopped_process_does_not_count_against_the_provider(
    upstream: Upstream, quick: Hub, twins: dict[str, InMemory], evidence: Evidence
) -> None:
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(FAILURES_TO_OPEN + 1)))
    stopped = replace(quick, settings=quick.settings.model_copy(update={"request_seconds": 1e-9}))
    asyncio.run(Drain(lane_of(stopped, twins[PROVIDER]), quick.today).run())
    assert not twins[PROVIDER].calls
    assert evidence.query("SELECT breaker FROM providers WHERE provider = %s AND breaker <> 'closed'", PROVIDER) == []
