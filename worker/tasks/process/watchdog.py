"""Ends a worker whose main loop hangs; its supervisor starts it again.

The watchdog is a process of its own: what hangs a loop, such as a regular expression, may block every thread of its
process. It runs this file alone. The worker writes to it each second in which its loop turns.

- It counts its own seconds, so the count stands still while a machine or a container does.
- A worker that was stopped (SIGSTOP) and continues gets its whole time again: it need not hang, and leases fence what
  it held.
- A loop that waits gets longer than one that computes: while Redis is unavailable, each command waits for seconds.
- Outside of its loop a worker is not watched: there it reconnects, or lets its tasks end.
"""

import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

TOUCH_SECONDS = 1.0
SHOW_SECONDS = 0.5
WHERE = signal.SIGUSR2  # makes a worker print where its threads are
TURNED, LEFT = b".", b"-"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many seconds a loop may not turn, and the processor time that shows that it computes."""

    computing: float = 20.0
    processor: float = 5.0  # on a busy machine a loop may get no more in 20 s
    waiting: float = 90.0  # a turn may send several commands to a Redis that does not answer, 5 to 10 s each


class Watchdog:
    """A worker's connection to the process that watches it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        faulthandler.register(WHERE)
        self._start()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loop in this context."""
        self.touch()
        try:
            yield
        finally:
            self._report(LEFT)

    def touch(self) -> None:
        """Report that the loop turns; a watching process that has died is replaced."""
        if not self._report(TURNED):
            self._process.wait()
            self._start()
            self._report(TURNED)

    def _start(self) -> None:
        command = [sys.executable, "-I", str(Path(__file__)), str(os.getpid()), json.dumps(asdict(self._limits))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - this very file
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        os.set_blocking(self._pipe, False)

    def _report(self, state: bytes) -> bool:
        try:
            os.write(self._pipe, state)
        except BlockingIOError:  # the watching process was stopped itself
            pass
        except BrokenPipeError:
            return False
        return True


@dataclass(slots=True)
class Silence:
    """The seconds since a loop was last heard of, and the processor time that it used in them."""

    seconds: int = 0
    processor: float = 0.0

    def is_too_long(self, limits: Limits) -> bool:
        """Return whether the loop hangs."""
        if self.seconds >= limits.waiting:
            return True
        return self.seconds >= limits.computing and self.processor >= limits.processor


def watch(worker: psutil.Process, limits: Limits) -> None:
    """Watch a worker, the parent of this process, until it ends; kill it if it hangs."""
    pipe = sys.stdin.fileno()
    silence, watched = Silence(), False
    while os.getppid() == worker.pid:
        used = _processor(worker)
        if select.select([pipe], [], [], TOUCH_SECONDS)[0]:
            report = os.read(pipe, 4_096)
            if not report:
                return
            silence, watched = Silence(), not report.endswith(LEFT)
        elif worker.status() == psutil.STATUS_STOPPED:
            silence = Silence()
        elif watched:
            silence.seconds += 1
            silence.processor += _processor(worker) - used
            if silence.is_too_long(limits):
                end(worker, silence)
                return


def end(worker: psutil.Process, silence: Silence) -> None:
    """Print where a worker hangs, then kill it and its pool."""
    line = {
        "event": "worker.hung",
        "level": "critical",
        "seconds": silence.seconds,
        "processor": round(silence.processor, 1),
        "pid": worker.pid,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    print(json.dumps(line), file=sys.stderr, flush=True)
    pool = [child for child in worker.children(recursive=True) if child.pid != os.getpid()]
    worker.send_signal(WHERE)
    time.sleep(SHOW_SECONDS)
    worker.kill()  # first, or it would replace its pool
    for process in pool:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _processor(worker: psutil.Process) -> float:
    times = worker.cpu_times()
    return float(times.user + times.system)


def main(pid: int, limits: Limits) -> None:
    """Watch a process; signals to the whole group are for the worker to follow."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    with suppress(psutil.NoSuchProcess):
        watch(psutil.Process(pid), limits)


if __name__ == "__main__":
    main(int(sys.argv[1]), Limits(**json.loads(sys.argv[2])))
