"""Settings and an engine for this test's database, as a worker has them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.services.hubs import read_settings
from worker.db.engine import make_engine
from worker.domain.keys import HashKeys
from worker.settings import Settings


@pytest.fixture
def settings(hub_environment: dict[str, str]) -> Settings:
    return read_settings(hub_environment)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings, HashKeys.of(settings.hash_key))
    yield engine
    engine.dispose()
