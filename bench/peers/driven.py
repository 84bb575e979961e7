"""A peer as one of the contenders."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.ground import fill_log
from bench.peers.driver import PYTHON, Driver
from bench.peers.registry import Peer
from bench.peers.stand_ins import StandIns
from bench.processes import family
from ops.embedded.children.program import Program
from ops.embedded.postgres import DATABASE
from ops.embedded.programs import FOLDER
from ops.embedded.servers import Servers


class PeerContender:
    """A peer: its workers beside servers of its own, and a process in its environment that drives it."""

    def __init__(self, servers: Servers, workers: Sequence[int], driver: Driver) -> None:
        """Take running servers, the workers' process ids, and the driver."""
        self.servers, self._workers, self._driver = servers, workers, driver

    @property
    def process_ids(self) -> Sequence[int]:
        """Return servers and workers."""
        return [child.pid for child in self.servers.supervisor.children]

    @property
    def worker_ids(self) -> Sequence[int]:
        """Return its workers."""
        return self._workers

    def no_ops(self, number: int) -> Sequence[float]:
        """Return the milliseconds of tasks that do nothing, there and back."""
        return list(self._driver.ask("no_ops", number))

    def share(self, number: int) -> Sequence[str]:
        """Push new permits to all providers."""
        return list(self._driver.ask("share", number))

    def withdraw(self, permit: str) -> float:
        """Push the removals of a permit."""
        return float(self._driver.ask("withdraw", permit))

    def enqueue(self, pushes: int) -> int:
        """Put pushes on the queue while the workers stand still, so that only their own work is measured."""
        with stopped(self._workers):
            self._driver.ask("enqueue", pushes)
        return pushes

    def purge(self) -> None:
        """Drop what waits in the queue."""
        self._driver.ask("purge")


@contextmanager
def stopped(process_ids: Sequence[int]) -> Iterator[None]:
    """Stop processes and their children while the context lasts."""
    all_of_them = list(family(process_ids))
    for process in all_of_them:
        process.suspend()
    try:
        yield
    finally:
        for process in all_of_them:
            process.resume()


@contextmanager
def running(which: Peer, data: Path, stand_ins: StandIns) -> Iterator[PeerContender]:
    """Run a peer's servers and workers; they are ready once a task that does nothing has run."""
    with Servers(data) as servers:
        with servers.postgres.connect(DATABASE) as database:
            fill_log(database)
        environment = {
            **os.environ,
            **stand_ins.environment,
            "BROKER": servers.valkey.url,
            "DATABASE": servers.environment["PERMIT_HUB_MIGRATION_DATABASE_URL"].replace("+psycopg", ""),
            "PYTHONPATH": str(FOLDER),
            "PYTHONUNBUFFERED": "1",
        }

        def program(name: str, arguments: Sequence[str]) -> Program:
            command = (str(PYTHON), "-m", *arguments)
            return Program(name, command, environment, FOLDER, ready=lambda _: True)

        if which.set_up:
            servers.supervisor.run_to_its_end(program("set-up", which.set_up))
        before = len(servers.supervisor.children)
        servers.supervisor.launch(*(program(name, arguments) for name, arguments in which.workers.items()))
        workers = [child.pid for child in servers.supervisor.children[before:]]
        driver = Driver(which.module, environment, servers.logs / "driver.log")
        try:
            driver.ask("no_ops", 1)
            yield PeerContender(servers, workers, driver)
        finally:
            driver.end()
