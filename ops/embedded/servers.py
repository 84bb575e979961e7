"""PostgreSQL and Valkey alone: what tests and benchmarks stand on, and the stack's first wave."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ephemeral_port_reserve import reserve

from ops.embedded import postgres, secrets, valkey
from ops.embedded.children.supervise import Supervisor
from ops.embedded.folders import UnusableFolderError, data_folder
from worker.settings import Settings

LOCK_SECONDS = 10.0  # a killed stack's guardian needs a moment to end the servers

PROVIDERS: tuple[str, ...] = Settings.model_fields["providers"].default


class AlreadyRunningError(RuntimeError):
    """Another process runs a stack on the same data folder."""


class Servers:
    """A PostgreSQL with the hub's empty database and a Valkey, below a data folder, while the context lasts.

    Whatever ends this process ends them too. One at a time may use a data folder.
    """

    def __init__(
        self, data: Path, *, redis_port: int | None = None, anew: bool = False, lock_seconds: float = LOCK_SECONDS
    ) -> None:
        """Name the data folder, a port if a free one will not do, and how long to wait for another stack's end.

        `anew` forgets what an earlier run left in both servers; their files stay, which makes for a quick start.
        """
        self._wanted, self._redis_port, self._anew, self._lock_seconds = data, redis_port, anew, lock_seconds
        self._lock: int | None = None

    def start(self) -> None:
        """Start both and wait until they answer.

        Raises:
            AlreadyRunningError: the data folder is in use.
            ops.embedded.children.start.ChildFailedError: one of them did not start.
            ops.embedded.folders.UnusableFolderError: the data folder cannot be used.
        """
        self.data = data_folder(self._wanted)
        self.logs = self.data / "log"
        try:
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self._lock = lock = _locked(self.data, self._lock_seconds)
            self._prepare()
        except BaseException as error:
            self._unlock()
            if isinstance(error, OSError):  # a full disk, or a mode that somebody changed
                raise UnusableFolderError(f"{error.filename or self.data} cannot be used: {error.strerror}") from None
            raise
        self.supervisor = Supervisor(self.logs, keep_open=(lock,))
        try:
            self.supervisor.start(self.postgres.program(), self.valkey.program())
            if self._anew:
                self.postgres.drop_database()
                self.valkey.forget()
            self.postgres.ensure_database()
        except BaseException:
            self.stop()
            raise

    def _prepare(self) -> None:
        self.secrets = secrets.load_or_make(self.data)
        self.postgres = postgres.prepare(self.data)
        self.valkey = valkey.prepare(
            self.data, port=self._redis_port or free_port(), password=self.secrets.redis_password
        )

    def stop(self) -> None:
        """End both, and whatever else the supervisor has started since."""
        self.supervisor.stop()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the `PERMIT_HUB_…` variables that lead to these servers."""
        return {
            "PERMIT_HUB_DATABASE_URL": self.postgres.url(postgres.WORKER),
            "PERMIT_HUB_MIGRATION_DATABASE_URL": self.postgres.url(postgres.OWNER),
            "PERMIT_HUB_REDIS_URL": self.valkey.url,
            "PERMIT_HUB_HASH_KEY": self.secrets.hash_key,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def free_port() -> int:
    """Return a port of the loopback interface that nothing uses, and that nobody else is given for a minute."""
    port: int = reserve()
    return port


def _locked(data: Path, seconds: float) -> int:
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise AlreadyRunningError(f"another stack runs on {data}") from None
            time.sleep(0.1)
        else:
            return descriptor
