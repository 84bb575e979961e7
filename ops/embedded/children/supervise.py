"""Supervise the stack's children: start them in waves, start them again, end them."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ops.embedded.children.end import KILLED_SECONDS, end_together, identify, kill_session
from ops.embedded.children.guard import Guardian
from ops.embedded.children.program import Program
from ops.embedded.children.start import Child, ChildFailedError

READY_POLL_SECONDS = 0.02
WATCH_SECONDS = 0.2
FIRST_RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
STEADY_SECONDS = 60.0  # after this long, the next restart of a child is quick again

Report = Callable[[str], None]


class Supervisor:
    """The children of this process, in waves: the last wave ends first."""

    def __init__(self, logs: Path, *, keep_open: tuple[int, ...] = ()) -> None:
        """Write the children's logs into a folder; the guardian keeps the given file descriptors open."""
        self._logs = logs
        self._keep_open = keep_open
        self._guardian = Guardian(keep_open)
        self._waves: list[list[Child]] = []
        self._processes: dict[int, psutil.Process | None] = {}
        self._changing = threading.RLock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def children(self) -> tuple[Child, ...]:
        """Return all children, in the order in which they were started."""
        with self._changing:
            return tuple(child for wave in self._waves for child in wave)

    def start(self, *programs: Program) -> None:
        """Start programs together and wait until each is ready.

        Raises:
            ops.embedded.children.start.ChildFailedError: one of them ended or took too long.
        """
        self.launch(*programs)
        self.wait_until_ready()

    def launch(self, *programs: Program) -> None:
        """Start programs together and do not wait."""
        with self._changing:
            self._waves.append([])
            for program in programs:
                self._waves[-1].append(self._run(program, len(self._waves)))

    def wait_until_ready(self) -> None:
        """Wait until every child is ready.

        Raises:
            ops.embedded.children.start.ChildFailedError: one of them ended or took too long.
        """
        waiting, since = list(self.children), time.monotonic()
        while waiting:
            waiting = [child for child in waiting if not child.is_ready()]
            for child in waiting:
                if time.monotonic() - since > child.program.ready_seconds:
                    raise ChildFailedError(child.failure(f"was not ready within {child.program.ready_seconds:g} s"))
            if waiting:
                time.sleep(READY_POLL_SECONDS)
        for child in self.children:  # only now: the first start is slow enough
            child.give_way()

    def run_to_its_end(self, program: Program) -> None:
        """Run a program that ends by itself.

        Raises:
            ops.embedded.children.start.ChildFailedError: it failed.
        """
        self.launch(program)
        (child,) = self._waves[-1]
        while (code := child.exit_code()) is None:
            time.sleep(READY_POLL_SECONDS)
        with self._changing:
            self._waves.pop()
            self._guardian.release(child.pid)
        if code != 0:
            raise ChildFailedError(child.failure(f"failed with exit code {code}"))

    def watch(self, report: Report) -> None:
        """Report children that end unexpectedly, and start them again, until `stop`."""
        self._watcher = threading.Thread(target=self._watch, args=(report,), name="supervisor", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """End all children, the last wave first, and leave none."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        with self._changing:
            while self._waves:
                wave = self._waves[-1]
                end_together([(child.ending, self._processes.get(child.pid)) for child in wave])
                for child in wave:
                    child.wait(KILLED_SECONDS)
                self._waves.pop()
            self._guardian.dismiss()

    def _run(self, program: Program, wave: int) -> Child:
        child = Child(program, self._logs)
        self._guardian.watch(wave, child.ending)
        self._processes[child.pid] = identify(child.ending)
        return child

    def _watch(self, report: Report) -> None:
        due: dict[str, float] = {}
        delay: dict[str, float] = {}
        while not self._stopping.wait(WATCH_SECONDS):
            with self._changing:
                if not self._guardian.is_running():
                    self._replace_guardian()
                for number, wave in enumerate(self._waves, start=1):
                    for place, child in enumerate(wave):
                        name, code = child.program.name, child.exit_code()
                        if code is None:
                            continue
                        now = time.monotonic()
                        if name not in due:
                            kill_session(child.pid)
                            self._guardian.release(child.pid)
                            lived = now - child.started
                            delay[name] = _next_delay(delay.get(name, 0.0) if lived < STEADY_SECONDS else 0.0)
                            due[name] = now + delay[name]
                            report(child.failure(f"ended with exit code {code}, restarting in {delay[name]:g} s"))
                        elif now >= due[name]:
                            del due[name]
                            self._processes.pop(child.pid, None)
                            wave[place] = self._run(child.program, number)
                            wave[place].give_way()  # at once: the others are at work

    def _replace_guardian(self) -> None:
        replacement = Guardian(self._keep_open)
        for number, wave in enumerate(self._waves, start=1):
            for child in wave:
                replacement.watch(number, child.ending)
        self._guardian = replacement


def _next_delay(last: float) -> float:
    return min(max(last * 2, FIRST_RESTART_SECONDS), LONGEST_RESTART_SECONDS)
