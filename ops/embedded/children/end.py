"""End child processes: done by their parent, or by the guardian after the parent's death."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

POLL_SECONDS = 0.02
KILLED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ending:
    """A child that leads its own session, the signal that asks it to end, and the seconds that it may take."""

    pid: int
    stop_signal: int
    seconds: float


def identify(ending: Ending) -> psutil.Process | None:
    """Return the process as it is now, so that a later one with the same number is not mistaken for it."""
    try:
        return psutil.Process(ending.pid)
    except psutil.NoSuchProcess:
        return None


def end_together(endings: Sequence[tuple[Ending, psutil.Process | None]]) -> None:
    """Ask all of them to end, wait, then kill those that remain, and their sessions."""
    running = [(ending, process) for ending, process in endings if process is not None and _runs(process)]
    for ending, process in running:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(ending.stop_signal)
    _wait([process for _, process in running], max((ending.seconds for ending, _ in running), default=0))
    for ending, _ in endings:
        kill_session(ending.pid)
    _wait([process for _, process in running], KILLED_SECONDS)


def kill_session(leader: int) -> None:
    """Kill the remaining processes of a child's session, such as the pool of a worker that died."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_runs(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
