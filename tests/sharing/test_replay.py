"""The model matches the code: explored schedules run with the real claim, record and invalidate."""

import asyncio

import pytest

from integrations import registry
from tests.conftest import Sandbox
from tests.services.hubs import lane_of
from tests.sharing.replay import replay
from tests.sharing.schedules import sample
from tests.sharing.stage import PROVIDER, REQUESTS_AT_ONCE, Provider, Stage, with_timing
from worker.hub import Hub


@pytest.mark.parametrize("explored", ["exploration", "waiting"])
def test_schedules_over_every_transition_replay_with_the_same_end(
    explored: str, hub: Hub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    exploration = request.getfixturevalue(explored)
    ticks = exploration.rows.ticks
    schedules = sample(exploration)
    with asyncio.Runner() as runner:
        access = registry.access(PROVIDER)
        adapter = registry.adapter(PROVIDER, access, zone=hub.zone, connections=REQUESTS_AT_ONCE)
        try:
            stage = Stage(lane_of(with_timing(hub, ticks), adapter), len(schedules))
            provider = Provider(adapter, sandbox.control, runner.run)
            replay(schedules, stage, provider, exploration.rows, ticks.timing)
        finally:
            runner.run(adapter.aclose())
