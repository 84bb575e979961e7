"""What the tests of the sharing protocol share."""

from collections.abc import Iterator

import pytest

from tests.sharing.exploration import Exploration, explore
from tests.sharing.rows import Ticks
from tests.sharing.rules import REAL
from tests.sharing.stage import PROVIDER
from worker.hub import Hub, make_hub
from worker.settings import Settings


@pytest.fixture(scope="session")
def exploration() -> Exploration:
    """Explore the real protocol, once for all tests."""
    return explore(REAL, Ticks())


@pytest.fixture
def hub(hub_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name, value in hub_environment.items():
        monkeypatch.setenv(name, value)
    hub = make_hub(Settings(providers=(PROVIDER,)), send_kick=lambda provider: None)
    yield hub
    hub.engine.dispose()
    hub.live.client.close()
