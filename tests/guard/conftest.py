"""One Valkey, one database and one real worker for all hostile messages."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis
from celery import Celery

from ops.embedded import valkey
from ops.embedded.children.supervise import Supervisor
from ops.embedded.servers import Servers, free_port
from tests.conftest import Database, own_database
from tests.guard.harness import (
    HASH_KEY,
    HERE,
    PREFIX,
    ROOT,
    Worker,
)
from tests.guard.poison import SECRET


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Valkey for the tests of the guard alone, as some of them fill it."""
    folder = tmp_path_factory.mktemp("valkey")
    own = valkey.prepare(folder, port=free_port(), secret=secrets.token_hex())
    supervisor = Supervisor(folder)
    try:
        supervisor.start(own.program())
        yield own.url
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def guarded_database(servers: Servers, migrated_template: str) -> Iterator[Database]:
    with own_database(servers.postgres, migrated_template) as made:
        yield made


@pytest.fixture(scope="session")
def worker(redis_url: str, guarded_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("guard")
    environment = os.environ | {
        "PERMIT_HUB_DATABASE_URL": guarded_database.worker_url,
        "PERMIT_HUB_REDIS_URL": redis_url,
        "PERMIT_HUB_REDIS_PREFIX": PREFIX,
        "PERMIT_HUB_HASH_KEY": HASH_KEY,
        "PERMIT_HUB_LOG_FORMAT": "json",
        "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}",
    }
    log = folder / "worker.log"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "probe",
        "worker",
        "-c",
        "1",
        "-Q",
        "consent,jobs,bulk,upkeep,remind,calendar,deliver.easypark",
        "-n",
        "guard@test",
    ]
    options = {"global_keyprefix": PREFIX}
    app = Celery("guard-client", broker=redis_url, backend=redis_url, set_as_current=False)
    app.conf.update(broker_transport_options=options, result_backend_transport_options=options, task_queues=None)
    with log.open("wb") as output, redis.Redis.from_url(redis_url) as client:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=folder)
        try:
            running = Worker(process, log, client, app, environment, guarded_database)
            assert running.call("hub.ping", seconds=90) == "pong"
            yield running
        finally:
            process.terminate()
            process.wait(20)
            app.close()


@pytest.fixture
def held(worker: Worker) -> Iterator[str]:
    """A task that runs as long as the test does."""
    task_id = worker.send("probe.hold", SECRET)
    worker.wait_until_held(task_id)
    yield task_id
    worker.release(task_id)
    assert worker.answer(task_id) == SECRET
