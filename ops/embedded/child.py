"""One program of the stack, run in the foreground as a child with a session and a log file of its own."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ops.embedded.account import Account
from ops.embedded.ending import Ending

LAST_LINES = 8
LARGEST_LOG_BYTES = 20_000_000  # at a start, a larger log is put aside, and the one put aside before is dropped


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, how to know that it is ready (given its process id), and how to end it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # it holds the secrets
    folder: Path
    ready: Callable[[int], bool]
    account: Account | None = None
    ready_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20


class ChildFailedError(RuntimeError):
    """A program ended, or did not become ready in time; the message names its log and shows the end of it."""


class Child:
    """A running program."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.started = time.monotonic()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        program = self.program
        other = program.account is not None and program.account.uid != os.geteuid()
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                program.command,
                env=dict(program.environment),
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children in order
                user=program.account.uid if other and program.account else None,
                group=program.account.gid if other and program.account else None,
                extra_groups=[] if other else None,
            )

    @property
    def pid(self) -> int:
        """Return the process id, which is its session's too."""
        return self._process.pid

    @property
    def ending(self) -> Ending:
        """Return how to end it."""
        return Ending(self.pid, self.program.stop_signal, self.program.stop_seconds)

    def exit_code(self) -> int | None:
        """Return the exit code (negative: the signal's number), or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """Wait for its last threads: a process can look ended, and for a moment not be."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def is_ready(self) -> bool:
        """Say whether it is ready.

        Raises:
            ChildFailedError: it has ended instead.
        """
        code = self.exit_code()
        if code is not None:
            raise ChildFailedError(self.failure(f"ended with exit code {code} before it was ready"))
        return self.program.ready(self.pid)

    def failure(self, what: str) -> str:
        """Say what happened to it, where its log is and how that ends."""
        with self.log.open(errors="replace") as log:
            last = "".join(f"\n    {line.rstrip()}" for line in deque(log, LAST_LINES))
        return f"{self.program.name} {what}; the end of {self.log}:{last}"
