"""A city that keeps a journal, and backups of its database.

- `backup()`: makes a dump; `go_back()` restores it while the hub's connections stay open.
- `journal`: the hub's journal, in a folder.
- `held()`: how many permits every provider's twin holds, by name.
- `withdrawn`: a resident withdrew after a backup that is restored; `make_due()` has everything sent again.
"""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from integrations.memory import InMemory
from ops.embedded.servers import Servers
from tests.conftest import Database, own_database
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, read_settings
from tests.services.in_redis import know_operator
from tests.services.upstream import CITY, EVERYONE, Upstream
from worker.db import hub_state
from worker.db.engine import transact
from worker.db.trip import run
from worker.hub import Hub
from worker.journal import FolderJournal
from worker.services.clock.sweep import sweep
from worker.settings import Settings

Step = Callable[[], None]
Held = Callable[[], dict[str, int]]
NOBODY_BUT_THE_CITY = dict.fromkeys(EVERYONE, 0) | {CITY: 1}
ALL = dict.fromkeys(EVERYONE, 1) | {CITY: 1}


@pytest.fixture
def withdrawn(
    upstream: Upstream, deliver: Deliver, backup: Step, go_back: Step, held: Held, hub: Hub, today: date
) -> None:
    """Have a resident withdraw after a backup, and restore that: the database has the allowance again."""
    upstream.active()
    upstream.allow()
    deliver()
    assert held() == ALL
    sweep(hub, today)
    backup()
    upstream.refuse()
    deliver()
    assert held() == NOBODY_BUT_THE_CITY
    sweep(hub, today)
    go_back()


@pytest.fixture
def make_due(evidence: Evidence) -> Step:
    """Have everything sent again, as a reconciliation does that finds all copies gone."""

    def make_due() -> None:
        with evidence.database.connect() as connection:
            connection.execute("""
                UPDATE shares SET confirmed_hash = NULL, wanted_version = wanted_version + 1, due_at = now()
            """)

    return make_due


def withhold(evidence: Evidence) -> None:
    """Have the database count as gone back."""
    with evidence.database.connect() as connection:
        connection.execute("UPDATE hub_state SET restored_at = now(), restored_sign = 'redis_is_ahead'")


def is_current(hub: Hub) -> bool:
    return transact(hub.engine, lambda db: run(db, hub_state.is_current()))


@pytest.fixture
def database(servers: Servers, migrated_template: str) -> Iterator[Database]:
    """Return a database of the test's own: a restore makes new tables."""
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
