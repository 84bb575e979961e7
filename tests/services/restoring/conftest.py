"""A city that keeps a journal, and backups of its database.

- `backup()`: makes a dump; `go_back()` restores it while the hub's connections stay open.
- `journal`: the hub's journal, in a folder.
- `held()`: what every provider's twin holds, by name.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integrations.memory import InMemory
from ops.embedded.servers import Servers
from tests.conftest import Database, own_database
from tests.services.hubs import read_settings
from tests.services.in_redis import know_operator
from worker.journal import FolderJournal
from worker.settings import Settings


@pytest.fixture
def database(servers: Servers, migrated_template: str) -> Iterator[Database]:
    """Return a database of the test's own: a restore makes its tables anew."""
    with own_database(servers.postgres, migrated_template) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> FolderJournal:
    folder = tmp_path / "journal"
    folder.mkdir()
    return FolderJournal(folder)


@pytest.fixture
def settings(hub_environment: dict[str, str], redis_url: str, journal: FolderJournal) -> Settings:
    know_operator(redis_url)
    return read_settings(hub_environment, journal=journal.folder)


@pytest.fixture
def backup(database: Database, tmp_path: Path) -> Callable[[], None]:
    return lambda: database.server.dump(tmp_path / "dump", database.name)


@pytest.fixture
def go_back(database: Database, tmp_path: Path) -> Callable[[], None]:
    return lambda: database.server.restore(tmp_path / "dump", database.name)


@pytest.fixture
def held(twins: dict[str, InMemory]) -> Callable[[], dict[str, int]]:
    return lambda: {name: len(twin.held) for name, twin in twins.items()}
