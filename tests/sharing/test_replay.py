"""The model does not stand beside the code: explored schedules are played with the real claim and record."""

import asyncio

from integrations import registry
from tests.sharing.replay import replay
from tests.sharing.schedules import sample
from tests.sharing.stage import PROVIDER, REQUESTS_AT_ONCE, Provider, Stage, with_timing

SCHEDULES = 1_000
SEED = 20_240_916


def test_a_thousand_schedules_end_in_the_database_and_at_the_provider_as_explored(
    exploration, hub, sandbox, monkeypatch
):
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    ticks = exploration.rows.ticks
    schedules = sample(exploration, SCHEDULES, SEED)
    stage = Stage(with_timing(hub, ticks), len(schedules))
    with asyncio.Runner() as runner:
        adapter = registry.adapter(PROVIDER, zone=hub.zone, connections=REQUESTS_AT_ONCE)
        try:
            provider = Provider(adapter, sandbox.control, runner.run)
            replay(schedules, stage, provider, exploration.rows, ticks.timing)
        finally:
            runner.run(adapter.aclose())
