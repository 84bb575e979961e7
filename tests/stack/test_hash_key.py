"""A process with another hash key than the database's says so and ends."""

import subprocess
from collections.abc import Callable

import pytest

from tests.services.hubs import read_settings
from tests.support.commands import Commands
from worker.db.engine import make_engine, transact
from worker.db.hash_key import adopt
from worker.domain.keys import HashKeys

WORKER = ["celery", "--app=worker.app", "worker", "--queues=jobs", "--concurrency=1"]
Run = Callable[[list[str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def run(commands: Commands, hub_environment: dict[str, str]) -> Run:
    """Run a module with another key than the one that the database knows."""
    settings = read_settings(hub_environment)
    keys = HashKeys.of(settings.hash_key)
    engine = make_engine(settings, keys)
    transact(engine, lambda db: adopt(db, keys))
    engine.dispose()
    return lambda command: commands.run(
        command[1:], hub_environment | {"PERMIT_HUB_HASH_KEY": "another-key" * 3}, module=command[0]
    )


@pytest.mark.parametrize("command", [WORKER, ["ops.cli", "requests", "list"]], ids=["a worker", "a command"])
def test_it_ends_with_what_is_wrong(run: Run, command: list[str]) -> None:
    ended = run(command)
    assert ended.returncode == 1
    assert "PERMIT_HUB_HASH_KEY is wrong: this database was written with another key" in ended.stderr
    assert "another-key" * 3 not in ended.stdout + ended.stderr
