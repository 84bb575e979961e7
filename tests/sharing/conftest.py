"""What the tests of the sharing protocol share."""

import pytest

from tests.sharing.exploration import Exploration, explore
from tests.sharing.rows import Ticks
from tests.sharing.rules import REAL


@pytest.fixture(scope="session")
def exploration() -> Exploration:
    """Explore the real protocol, once for all tests."""
    return explore(REAL, Ticks())
