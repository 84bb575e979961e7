"""Start a program as a child process, with its own session and log file."""

import os
import subprocess
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from ops.embedded.children.end import Ending
from ops.embedded.children.priority import give_way
from ops.embedded.children.program import Program

LAST_LINES = 8
LARGEST_LOG_BYTES = 20_000_000  # a start renames a larger log to .log.1


class ChildFailedError(RuntimeError):
    """A program ended, or was not ready in time; the message shows the end of its log."""


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
        """Return the process id, which is also that of its session."""
        return self._process.pid

    @property
    def ending(self) -> Ending:
        """Return how to end it."""
        return Ending(self.pid, self.program.stop_signal, self.program.stop_seconds)

    def exit_code(self) -> int | None:
        """Return the exit code (negative: the signal's number), or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> None:
        """Wait for its last threads: a process can look ended a moment too early."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def is_ready(self) -> bool:
        """Return whether it is ready.

        Raises:
            ChildFailedError: it has ended instead.
        """
        code = self.exit_code()
        if code is not None:
            raise ChildFailedError(self.failure(f"ended with exit code {code} before it was ready"))
        return self.program.ready(self.pid)

    def give_way(self) -> None:
        """Let others have the processor first, as its program says."""
        if self.program.nice:
            give_way(self.pid, self.program.nice)

    def failure(self, what: str) -> str:
        """Return what happened to it, where its log is, and the end of the log."""
        with self.log.open(errors="replace") as log:
            last = "".join(f"\n    {line.rstrip()}" for line in deque(log, LAST_LINES))
        return f"{self.program.name} {what}; the end of {self.log}:{last}"
