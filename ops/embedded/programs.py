"""The hub's own processes: their commands, their queues, and when they are ready."""

import socket
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import psutil

import ops
from integrations.registry import ADAPTERS
from ops.canary import Canary
from ops.embedded.children.program import Program
from schemas.jobs import Queue
from worker.live.wake_ups import URGENT
from worker.queues import lane_queue, provider_of

FOLDER = Path(ops.__file__).resolve().parent.parent
WORKER_STOP_SECONDS = 25  # a task ends within 10 s, or 25 s if it sends mail
CONNECT_SECONDS = 0.2

# Name, queues, concurrency. A worker for each provider's lane is added.
WORKERS = (
    ("consent", ("consent",), 1),
    ("urgent", ("urgent",), 2),  # one may wait for a provider that hangs
    ("jobs", ("jobs",), 2),
    ("bulk", ("bulk", "calendar", "upkeep"), 2),
    ("remind", ("remind",), 1),
)
TO_EVERY_PROVIDER = frozenset({"urgent", "upkeep"})
OWNERS = "PERMIT_HUB_MIGRATION_"  # variables of the database's owner
DATABASE, LANES_DATABASE = "PERMIT_HUB_DATABASE_URL", "PERMIT_HUB_LANE_DATABASE_URL"  # as the role of all, of a lane
MAIL, MAIL_QUEUE = "PERMIT_HUB_EMAIL_", "remind"
JOURNAL, JOURNAL_QUEUES = "PERMIT_HUB_JOURNAL", frozenset({"consent", "calendar"})
SOURCES, SOURCE_KEY = "PERMIT_HUB_SOURCES", "PERMIT_HUB_SOURCE_KEY"
RESIDENTS_WAIT_FOR = ("consent", "urgent", "jobs")
BEHIND = 5  # of all other workers: each gets a third of what one of those gets
LANE_CONCURRENCY = 1  # a second drain gains nothing while all processes share two cores


def migration(environment: Mapping[str, str]) -> Program:
    """Return the migration of the database, which ends by itself."""
    return python("migrate", ("-m", "worker.db.migrate"), environment)


def beat(environment: Mapping[str, str]) -> Program:
    """Return the clock that wakes the sweeps."""
    return python("beat", ("-m", "celery", "--app", "worker.app", "beat", "--pidfile="), own(environment))


def flower(environment: Mapping[str, str], port: int) -> Program:
    """Return the page that shows workers and tasks, on loopback; without a password its API changes nothing."""
    command = ("-m", "celery", "--app", "worker.flower", "flower", "--address=127.0.0.1", f"--port={port}")
    return python("flower", command, own(environment), port=port)


def workers(environment: Mapping[str, str], providers: Iterable[str], canary: Canary) -> list[Program]:
    """Return all workers."""
    lanes = ((f"deliver-{name}", (lane_queue(name),), LANE_CONCURRENCY) for name in providers)
    return [
        Program(
            name=name,
            command=(
                *(sys.executable, "-m", "celery", "--app", "worker.app", "worker", f"--hostname={name}@%h"),
                *(f"--queues={','.join(queues)}", f"--concurrency={concurrency}"),
                *("--without-gossip", "--without-mingle"),  # nothing uses them, and mingling costs a second
            ),
            environment=own(environment, queues),
            folder=FOLDER,
            ready=canary.answers_on(queues[0]),
            nice=0 if name in RESIDENTS_WAIT_FOR else BEHIND,
            stop_seconds=WORKER_STOP_SECONDS,
        )
        for name, queues, concurrency in (*WORKERS, *lanes)
    ]


def own(environment: Mapping[str, str], queues: Collection[str] = ()) -> dict[str, str]:
    """Return the variables for a process that works on these queues: without what lets it into anything else."""
    others = [OWNERS, LANES_DATABASE, SOURCE_KEY]
    if set(Queue).isdisjoint(queues):
        others.append(SOURCES)
    if JOURNAL_QUEUES.isdisjoint(queues):
        others.append(JOURNAL)
    if TO_EVERY_PROVIDER.isdisjoint(queues):
        others += [f"PERMIT_HUB_{name.upper()}_" for name in ADAPTERS if lane_queue(name) not in queues]
    if MAIL_QUEUE not in queues:
        others.append(MAIL)
    found = {name: value for name, value in environment.items() if not name.startswith(tuple(others))}
    if LANES_DATABASE in environment and queues and all(map(_is_lane, queues)):
        found[DATABASE] = environment[LANES_DATABASE]
    return found


def _is_lane(queue: str) -> bool:
    return queue == URGENT or provider_of(queue) is not None


def python(name: str, arguments: tuple[str, ...], environment: Mapping[str, str], port: int | None = None) -> Program:
    """Return a Python module as a program, which is ready when it listens on its port."""

    def listens(pid: int) -> bool:
        return port is None or _listens(pid, port)

    return Program(name, (sys.executable, *arguments), environment, FOLDER, ready=listens)


def _listens(pid: int, port: int) -> bool:
    """Return whether this process serves the port; another process's server does not count."""
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS):
            pass
        return any(
            connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
            for connection in psutil.Process(pid).net_connections("inet")
        )
    except (OSError, psutil.Error):
        return False
