"""The model does not stand beside the code: explored schedules are played with the real claim and record."""

import asyncio
from collections.abc import Iterator

import pytest

from integrations import registry
from tests.sharing.replay import replay
from tests.sharing.schedules import sample
from tests.sharing.stage import PROVIDER, Stage, with_timing
from worker.hub import Hub, make_hub
from worker.settings import Settings

SCHEDULES = 1_000
SEED = 20_240_916


@pytest.fixture
def hub(hub_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name, value in hub_environment.items():
        monkeypatch.setenv(name, value)
    hub = make_hub(Settings(providers=(PROVIDER,)), send_kick=lambda provider: None)
    yield hub
    hub.engine.dispose()
    hub.live.client.close()


def test_a_thousand_schedules_end_in_the_database_and_at_the_provider_as_explored(
    exploration, hub, sandbox, monkeypatch
):
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    ticks = exploration.rows.ticks
    schedules = sample(exploration, SCHEDULES, SEED)
    with asyncio.Runner() as runner:
        adapter = registry.adapter(PROVIDER, zone=hub.zone, connections=32)
        try:
            stage = Stage(with_timing(hub, ticks), adapter, sandbox.control, runner.run, len(schedules))
            replay(schedules, stage, exploration.rows, ticks.timing)
        finally:
            runner.run(adapter.aclose())
