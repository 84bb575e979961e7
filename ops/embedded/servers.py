"""PostgreSQL and Valkey alone: for tests and benchmarks, and as the first wave of the stack."""

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

    They end with this process, also if it is killed. A data folder has one user at a time.
    """

    def __init__(
        self,
        data: Path,
        *,
        redis_port: int | None = None,
        redis_prefix: str = valkey.ALL_KEYS,
        fresh: bool = False,
        lock_seconds: float = LOCK_SECONDS,
    ) -> None:
        """Set the data folder, Valkey's port if it shall not be a free one, and how long to wait for another stack.

        `redis_prefix` begins the keys and channels that Valkey's users may reach.

        `fresh` empties both servers of an earlier run's data, and keeps their files for a quick start.
        """
        self._wanted, self._fresh, self._lock_seconds = data, fresh, lock_seconds
        self._redis_port, self._redis_prefix = redis_port, redis_prefix
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
            if isinstance(error, OSError):  # such as a full disk, or a changed mode
                raise UnusableFolderError(f"{error.filename or self.data} cannot be used: {error.strerror}") from None
            raise
        self.supervisor = Supervisor(self.logs, keep_open=(lock,))
        try:
            self.supervisor.start(self.postgres.program(), self.valkey.program())
            if self._fresh:
                self.postgres.drop_database()
                self.valkey.flush()
            self.postgres.ensure_database()
        except BaseException:
            self.stop()
            raise

    def _prepare(self) -> None:
        self.secrets = secrets.load_or_make(self.data)
        self.postgres = postgres.prepare(self.data, self.secrets.postgres_secret)
        self.valkey = valkey.prepare(
            self.data,
            port=self._redis_port or free_port(),
            secret=self.secrets.redis_secret,
            prefix=self._redis_prefix,
        )

    def stop(self) -> None:
        """End both, and all that the supervisor has started since."""
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
            "PERMIT_HUB_REDIS_URL": self.valkey.url_of(valkey.HUB),
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
    """Return a free port of the loopback interface, which the system gives to no other process for a minute."""
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
