"""Fixtures of the sharing protocol's tests."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from tests.services.hubs import read_settings, running_hub
from tests.sharing.exploration import Exploration, explore
from tests.sharing.rows import Ticks
from tests.sharing.rules import REAL
from tests.sharing.stage import PROVIDER
from tests.sharing.turns import Scope
from worker.hub import Hub


@pytest.fixture(scope="session")
def exploration() -> Exploration:
    """Explore three decisions, once for all tests."""
    return explore(REAL, Ticks(lease=1, settle=2), Scope(decisions=3))


@pytest.fixture(scope="session")
def waiting() -> Exploration:
    """Explore one decision with a provider that acknowledges later, and one drift or invalidate, once for all tests."""
    return explore(REAL, Ticks(lease=1, settle=2), Scope(decisions=1, invalidations=1, later=True))


@pytest.fixture
def hub(hub_environment: dict[str, str]) -> Iterator[Hub]:
    settings = read_settings(hub_environment, providers=(PROVIDER,))
    with running_hub(settings, send_wake_up=lambda provider: None) as hub:
        event.listen(hub.engine, "connect", _let_it_be_idle)
        yield hub


def _let_it_be_idle(connection: psycopg.Connection[Any], _: object) -> None:
    """Lift the limit on idle transactions: here one is about a thousand shares, which takes seconds to compute."""
    connection.execute("SET idle_in_transaction_session_timeout = 0")
    connection.commit()
