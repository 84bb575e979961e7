"""A hub on real servers without Celery: services are called as tasks call them.

- `hub`: wired for this test's database and key prefix; `wake_ups` lists the wake-ups that it sent.
- `today`: the civil day on which a test plays; real, since the database's clock is.
- `upstream`: makes jobs and hands them to `hub`; `evidence` reads database and Redis around the hub's code.
- `until(condition)`: waits for a condition, with a deadline.
- `street`: permits in every state that matters to the clock, once it is settled.
- `dying`: an upstream whose worker dies after each commit, before it publishes.
- `word`: a name that is found again in a file; `cleared()` rewrites Redis' file until nothing waits for it.
- `twins`: a provider in memory for each; `deliver()` drains to them, under the short time-outs of `quick`.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from uuid import uuid4

import pytest
import structlog

from integrations.memory import InMemory
from ops.embedded.servers import Servers
from tests.conftest import CURRENT, Database, own_database
from tests.services.append_only_file import AT_ONCE, Clear
from tests.services.dying import Dying
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, lane_of, read_settings, running_hub
from tests.services.in_redis import know_operator
from tests.services.street import Street
from tests.services.upstream import Upstream
from tests.support.waiting import eventually
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.clock.leftovers import clear
from worker.services.publishing.publish import follow_redis
from worker.services.sharing import drain
from worker.services.sharing.drain import Drain
from worker.settings import Settings

KEPT = ["alembic_version", "hub_state", "file_rewrite", "consent_texts"]
"""The tables that are not emptied before a test."""


@pytest.fixture(autouse=True, scope="session")
def plain_tracebacks() -> None:
    """Save a drain the second that it takes to print a traceback with all local values."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture(scope="session")
def kept_database(servers: Servers, migrated_template: str) -> Iterator[Database]:
    with own_database(servers.postgres, migrated_template) as made:
        with made.connect() as connection:  # no test has the server crash, so none waits for the disk
            connection.execute(f"ALTER DATABASE {made.name} SET synchronous_commit = off")
        yield made


@pytest.fixture
def database(kept_database: Database) -> Database:
    """Return one database for all of these tests, emptied before each: making one takes longer than most tests."""
    with kept_database.connect() as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")  # so that tables can be emptied in any order
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)"
        for (table,) in connection.execute(tables, [KEPT]).fetchall():
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE hub_state SET epoch = 1, redis_run_id = NULL, cleared_epoch = 1, mark = 0")
        connection.execute(
            "UPDATE hub_state SET hash_key_fingerprint = NULL, next_hash_key_fingerprint = NULL,"
            " hash_key_switched_at = NULL"
        )
        connection.execute(CURRENT)
        connection.execute("UPDATE file_rewrite SET redis_run_id = NULL, asked_at = NULL, problem = NULL")
    return kept_database


@pytest.fixture(autouse=True)
def lanes_take_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a lane take fresh decisions, too: in most tests there is no urgent drain."""
    monkeypatch.setattr(drain, "FRESH_SECONDS", 0.0)


@pytest.fixture
def settings(hub_environment: dict[str, str], redis_url: str) -> Settings:
    know_operator(redis_url)
    return read_settings(hub_environment)


@pytest.fixture
def wake_ups() -> list[str]:
    return []


@pytest.fixture
def hub(settings: Settings, wake_ups: list[str]) -> Iterator[Hub]:
    with running_hub(settings, wake_ups.append) as hub:
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
def street(hub: Hub, upstream: Upstream, evidence: Evidence) -> Street:
    return Street(hub, upstream, evidence)


@pytest.fixture
def quick(hub: Hub) -> Hub:
    """Return the hub with time-outs that a test can wait for, and a window that it can fill."""
    limits = {"request_seconds": 0.4, "settle_seconds": 0.3, "in_flight": 4, "urgent_slots": 1}
    return replace(hub, settings=hub.settings.model_copy(update=limits))


@pytest.fixture
def twins(hub: Hub) -> dict[str, InMemory]:
    """Return a twin in memory for every provider."""
    return {name: InMemory(name, capabilities) for name, capabilities in hub.capabilities.items()}


@pytest.fixture
def deliver(quick: Hub, twins: dict[str, InMemory]) -> Deliver:
    """Drain one provider, or all; return whether any may have work left."""

    def deliver(*names: str) -> bool:
        drains = [Drain(lane_of(quick, twins[name]), quick.today) for name in names or twins]
        unfinished = [asyncio.run(drain.run()) for drain in drains]
        return any(unfinished)

    return deliver


@pytest.fixture
def dying(hub: Hub, today: date) -> Upstream:
    """Return an upstream whose worker dies after each commit."""
    follow_redis(hub)
    spaces = Dying(hub.live.keyspace, hub.live.epoch, hub.zone)
    return Upstream(replace(hub, live=replace(hub.live, spaces=spaces)), today)


@pytest.fixture
def word() -> str:
    """Return a unique name."""
    return f"Distinctive{uuid4().hex}"


@pytest.fixture
def cleared(hub: Hub) -> Clear:
    """Clear until nothing waits, as the clock's ticks do."""

    def clear_all(of: Hub = hub, settle: timedelta = AT_ONCE) -> None:
        def is_clear() -> bool:
            clear(of, settle)
            return transact(hub.engine, lambda db: db.exec_driver_sql("SELECT count(*) FROM leftovers").scalar()) == 0

        eventually(is_clear)

    return clear_all
