"""One hub for all of these tests, and a search through all that it wrote after each."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg import sql

from ops.embedded import postgres, sandboxes, valkey
from ops.embedded.folders import remove_data
from ops.embedded.servers import PROVIDERS, Servers, free_port
from tests.conftest import Database
from tests.faults.harness import REQUEST_SECONDS, SETTLE_SECONDS, Stack
from tests.faults.privacy import nothing_personal_shows

HANG = """
import re, signal
signal.signal(signal.SIGRTMIN, lambda *_: re.match("((((((.+)+)+)+)+)+)+!", "a" * 40))
"""
"""Runs in every process of the hub when it starts: a signal makes its loop hang, as a sender's pattern once did."""


@pytest.fixture(scope="package")
def stack(servers: Servers, migrated_template: str) -> Iterator[Stack]:
    name = f"faults_{uuid4().hex}"
    names = [sql.Identifier(part) for part in (name, migrated_template, postgres.OWNER)]
    folder = Path(tempfile.mkdtemp(prefix="hub-"))
    server = valkey.prepare(folder, port=free_port(), secret=uuid4().hex)
    database = Database(servers.postgres, name)
    with servers.postgres.connect() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG OWNER {}").format(*names))
    stand_ins = sandboxes.prepare(folder)
    (folder / "sitecustomize.py").write_text(HANG)
    environment = (
        os.environ
        | servers.environment
        | stand_ins.environment
        | {
            "PERMIT_HUB_DATABASE_URL": database.worker_url,
            "PERMIT_HUB_REDIS_URL": server.url_of(valkey.HUB),
            "PERMIT_HUB_REDIS_PREFIX": "faults:",
            "PERMIT_HUB_SETTLE_SECONDS": str(SETTLE_SECONDS),
            "PERMIT_HUB_REQUEST_SECONDS": str(REQUEST_SECONDS),
            "PERMIT_HUB_LOG_FORMAT": "json",
            "PERMIT_HUB_EMAIL_HOST": "127.0.0.1",
            "PERMIT_HUB_EMAIL_PORT": str(free_port()),
            "PERMIT_HUB_EMAIL_SECURITY": "none",
            "PERMIT_HUB_EMAIL_SENDER": "Stationnement résidentiel <stationnement@ville.example>",
            "PERMIT_HUB_EMAIL_SPACE_URL": "https://ville.example/espace",
            "PERMIT_HUB_EMAIL_UNSUBSCRIBE_URL": "https://ville.example/rappels/arreter/",
            "FLOWER_UNAUTHENTICATED_API": "true",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(folder),
        }
    )
    running = Stack(folder, database, server, environment, stand_ins)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        remove_data(folder)
        with servers.postgres.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(autouse=True)
def _nothing_personal_shows(stack: Stack, servers: Servers) -> Iterator[None]:
    yield
    for provider in PROVIDERS:
        stack.control.behave(provider)
    nothing_personal_shows(stack, servers)
