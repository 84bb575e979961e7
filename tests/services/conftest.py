"""A hub on real servers without Celery: services are called as tasks call them.

- `hub`: wired for this test's database and key prefix; `kicks` lists the wake-ups that it sent.
- `today`: the civil day on which a test plays; real, since the database's clock is.
- `upstream`: makes jobs and hands them to `hub`; `evidence` reads database and Redis around the hub's code.
- `until(condition)`: waits for a condition, with a deadline.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.hubs import read_settings, running_hub
from tests.services.upstream import Upstream
from worker.hub import Hub
from worker.settings import Settings


@pytest.fixture
def settings(hub_environment: dict[str, str]) -> Settings:
    return read_settings(hub_environment)


@pytest.fixture
def kicks() -> list[str]:
    return []


@pytest.fixture
def hub(settings: Settings, kicks: list[str]) -> Iterator[Hub]:
    with running_hub(settings, kicks.append) as hub:
        yield hub


@pytest.fixture
def today(hub: Hub) -> date:
    return hub.today()


@pytest.fixture
def upstream(hub: Hub, today: date) -> Upstream:
    return Upstream(hub, today)


@pytest.fixture
def evidence(database: Database, hub: Hub) -> Evidence:
    return Evidence(database, hub)


@pytest.fixture
def until() -> Callable[..., None]:
    def wait(condition: Callable[[], object], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.005)

    return wait
