"""The real servers that tests share, and a database and a key prefix for each test.

Fixtures, all of them lazy (a test that names none of them starts no server):

- `servers` (session): one PostgreSQL and one Valkey, an `ops.embedded.servers.Servers`; ended with the run, however
  it ends. Processes that run tests side by side have the same ones (`tests.support.side_by_side`).
- `redis_url` (session): the Valkey's URL, password included.
- `database`: a fresh, migrated database, dropped after the test. It has `name`, `worker_url` (the role that workers
  connect as) and `owner_url` (the role of migrations), both as SQLAlchemy takes them, and `connect()`, a psycopg
  connection as superuser in autocommit.
- `empty_database`: the same without migrations.
- `redis_prefix`: a key prefix of the test's own, such as `test-3f2a…:`.
- `hub_environment`: the `PERMIT_HUB_…` variables, as a dict, for this test's `database` and `redis_prefix`,
  without the providers'. Pass it to child processes together with `os.environ`.
- `sandbox` (session): every provider's sandbox in one child process, and its control; reset before each test that names
  it. `hub_environment | sandbox.environment` leads the hub to it.

`tests.support.running_city` adds the whole stack: `permit_hub` and `city`; `tests.support.browsing` a browser:
`chromium` and `page`.

Variables `PERMIT_HUB_…` and `PERSONAL_SPACE_…` of the shell that runs the tests are dropped: no test depends on them.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import NullPool, create_engine

from integrations.sandbox.access import Access, load_or_make
from integrations.sandbox.control import Control
from integrations.sandbox.server import find
from ops.embedded import postgres, signals
from ops.embedded.consent_texts import put_all
from ops.embedded.servers import Servers
from tests.support.texts import KNOWN, REFUSING
from worker.db import consent_texts
from worker.db.hub_state import PLACE

pytest_plugins = ("tests.support.side_by_side", "tests.support.running_city", "tests.support.browsing")

TEMPLATE = "migrated_template"
CURRENT = f"""
    UPDATE hub_state SET place = {PLACE}, compared_at = '9999-01-01Z', is_journaled = false, restored_at = NULL,
        restored_sign = NULL, lost_since = NULL, replayed_at = NULL
"""
"""Has the database count as current, as a sweep does, for as long as no sweep comes."""

signals.begin_afresh()  # `nohup make test &` ignores SIGINT, and processes that tests end with it would inherit that

# Tests start hundreds of processes: without what Python compiled, each would spend a second on compiling it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

for _name in [name for name in os.environ if name.startswith(("PERMIT_HUB_", "PERSONAL_SPACE_"))]:
    del os.environ[_name]

hypothesis.settings.register_profile("hub", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("hub")


@dataclass(frozen=True)
class Database:
    """One database of the shared server."""

    server: postgres.Postgres
    name: str

    @property
    def worker_url(self) -> str:
        """Return the URL for the role that workers connect as."""
        return self.server.url(postgres.WORKER, self.name)

    @property
    def owner_url(self) -> str:
        """Return the URL for the role of migrations."""
        return self.server.url(postgres.OWNER, self.name)

    def connect(self) -> psycopg.Connection[TupleRow]:
        """Connect as superuser, in autocommit."""
        return self.server.connect(self.name)


@dataclass(frozen=True)
class Sandbox:
    """The running sandboxes of all providers."""

    url: str
    tls_url: str
    access: Access
    control: Control
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        """Return the `PERMIT_HUB_<NAME>_…` variables that lead a hub to every provider's."""
        return self.access.environment(self.url, self.tls_url)


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    return servers.valkey.url


@pytest.fixture(scope="session")
def migrated_template(servers: Servers) -> str:
    with servers.postgres.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(1)")  # of two processes that run tests, the first one makes it
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone() is None:
            _migrate(servers, TEMPLATE)
    return TEMPLATE


@pytest.fixture
def database(servers: Servers, migrated_template: str) -> Iterator[Database]:
    with own_database(servers.postgres, migrated_template) as made:
        yield made


@pytest.fixture
def empty_database(servers: Servers) -> Iterator[Database]:
    with own_database(servers.postgres, "template1") as made:
        yield made


@pytest.fixture
def redis_prefix() -> str:
    return f"test-{uuid4().hex[:12]}:"


@pytest.fixture
def hub_environment(servers: Servers, database: Database, redis_prefix: str) -> dict[str, str]:
    return servers.environment | {
        "PERMIT_HUB_DATABASE_URL": database.worker_url,
        "PERMIT_HUB_MIGRATION_DATABASE_URL": database.owner_url,
        "PERMIT_HUB_LANE_DATABASE_URL": database.server.url(postgres.LANE, database.name),
        "PERMIT_HUB_REDIS_PREFIX": redis_prefix,
    }


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory(prefix="permit-hub-sandbox-") as folder:
        access = load_or_make(Path(folder), find())
        command = [sys.executable, "-m", "integrations.sandbox", "--folder", folder, "--port", "0", "--tls-port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                url, tls_url = (process.stdout.readline().strip() for _ in range(2))
                with Control(url) as control:
                    yield Sandbox(url, tls_url, access, control, process)
            finally:
                process.terminate()


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.control.reset()
    return running_sandbox


@contextmanager
def own_database(server: postgres.Postgres, template: str) -> Iterator[Database]:
    """Make a database like the template, and drop it afterwards."""
    made = Database(server, f"test_{uuid4().hex}")
    _create(server, made.name, template)
    if template == TEMPLATE:
        with made.connect() as connection:
            connection.execute(CURRENT)
    yield made
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made.name)))


def _migrate(servers: Servers, name: str) -> None:
    """Make a database as migrations leave it, under its name only once that is done."""
    unfinished = f"{name}_{uuid4().hex}"
    _create(servers.postgres, unfinished, "template1")
    owner_url = servers.postgres.url(postgres.OWNER, unfinished)
    subprocess.run(
        [sys.executable, "-m", "worker.db.migrate"],
        env=os.environ | servers.environment | {"PERMIT_HUB_MIGRATION_DATABASE_URL": owner_url},
        check=True,
    )
    with create_engine(owner_url, poolclass=NullPool).begin() as db:
        consent_texts.put(db, [KNOWN, REFUSING])
    put_all(owner_url)
    with servers.postgres.connect() as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (unfinished, name))))


def _create(server: postgres.Postgres, name: str, template: str) -> None:
    names = [sql.Identifier(part) for part in (name, template, postgres.OWNER)]
    with server.connect() as connection:
        # WAL_LOG, since a copy of files costs two checkpoints: 20 ms against 70.
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG OWNER {}").format(*names))
