"""All routine work stands aside for a decision, and a sweep wakes the lanes before it does."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from uuid import uuid4

import pytest

from integrations.memory import InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.outbox import Outbox, sender_of
from tests.services.sharing.requested import request
from tests.services.upstream import Upstream
from worker import right_of_way
from worker.db.sharing.dead_letters import Choice
from worker.hub import Hub
from worker.right_of_way import LONGEST_SECONDS
from worker.services.clock import retention, stuck
from worker.services.clock.advance import advance
from worker.services.clock.sweep import sweep
from worker.services.reminders.decide import decide
from worker.services.sharing import dead_letters
from worker.services.sharing.invalidate import reaffirm
from worker.services.sharing.reconcile import reconcile
from worker.services.sharing.release import release_next

PROVIDER = "easypark"


def _reconcile(hub: Hub) -> None:
    request(hub, PROVIDER)
    while asyncio.run(reconcile(lane_of(hub, InMemory(PROVIDER, hub.capabilities[PROVIDER])))):
        pass


WORK: Mapping[str, Callable[[Hub], object]] = MappingProxyType(
    {
        "ended terms": lambda hub: advance(hub, hub.today() + timedelta(days=800)),
        "retention": lambda hub: retention.purge(hub, hub.today() + timedelta(days=800)),
        "stuck work": lambda hub: stuck.watch(hub, hub.today()),
        "sweep": lambda hub: sweep(hub, hub.today()),
        "deciding reminders": lambda hub: decide(hub, hub.today()),
        "sending reminders": lambda hub: asyncio.run(sender_of(hub, Outbox()).run(hub.today)),
        "reconciliation": _reconcile,
        "released shares": lambda hub: release_next(hub, PROVIDER),
        "reaffirmed shares": lambda hub: list(reaffirm(hub, PROVIDER, datetime.now(UTC))),
        "dead letters": lambda hub: list(dead_letters.retry(hub, Choice())),
        "dead letters taken off": lambda hub: list(dead_letters.discard(hub, Choice())),
    }
)


class Standing:
    """The time of `right_of_way`: it moves by itself, and further while somebody stands aside."""

    def __init__(self) -> None:
        self.stood = 0.0
        self.began: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return time.monotonic() + self.stood

    def sleep(self, seconds: float) -> None:
        if not self.stood:
            self.began()
        self.stood += seconds


@pytest.fixture
def standing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Standing:
    """Have a decision under way that does not end, and look who stands aside for it."""
    made = Standing()
    monkeypatch.setattr(right_of_way, "time", made)
    hub.live.client.sadd(hub.live.key("right_of_way:deciding"), uuid4().hex)
    return made


@pytest.mark.parametrize("work", WORK)
def test_routine_work_stands_aside_for_a_decision(work: str, hub: Hub, standing: Standing) -> None:
    WORK[work](hub)
    assert standing.stood > LONGEST_SECONDS / 2


def test_a_sweep_wakes_the_lanes_before_it_stands_aside(
    upstream: Upstream, hub: Hub, standing: Standing, wake_ups: list[str], evidence: Evidence
) -> None:
    upstream.active()
    upstream.allow()
    for lane in wake_ups:
        hub.live.wake_ups.end(lane)  # its message was lost
    wake_ups.clear()
    woken: list[str] = []
    standing.began = lambda: woken.extend(wake_ups)
    sweep(hub, hub.today())
    assert standing.stood
    assert PROVIDER in woken
