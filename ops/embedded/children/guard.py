"""Guard the parent: a small process that ends the parent's children when the parent dies.

The parent writes one line of JSON for each child that starts or ends. When that stream ends, the parent has died.
"""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import TextIO

import psutil

from ops.embedded.children.end import Ending, end_together, identify


class Guardian:
    """The guardian process, as its parent sees it."""

    def __init__(self, keep_open: tuple[int, ...] = ()) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops.embedded.children.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=keep_open,
            text=True,
        )

    def is_running(self) -> bool:
        """Return whether it still runs."""
        return self._process.poll() is None

    def watch(self, wave: int, ending: Ending) -> None:
        """Watch a child, to end it when the parent dies; higher waves end first."""
        self._tell({"wave": wave, **asdict(ending)})

    def release(self, pid: int) -> None:
        """Stop watching a child that has ended."""
        self._tell({"ended": pid})

    def dismiss(self) -> None:
        """End it, after all children have ended."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, message: dict[str, float]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the supervisor notices its death and starts another
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()


def guard(messages: TextIO) -> None:
    """Read the parent's messages to their end, then end the children that still run, wave by wave."""
    watched: dict[int, tuple[int, Ending, psutil.Process | None]] = {}
    for line in messages:
        with suppress(json.JSONDecodeError):  # the parent died within a line
            message = json.loads(line)
            if "ended" in message:
                watched.pop(message["ended"], None)
            else:
                wave = message.pop("wave")
                ending = Ending(**message)
                watched[ending.pid] = (wave, ending, identify(ending))
    for wave in sorted({wave for wave, _, _ in watched.values()}, reverse=True):
        end_together([(ending, process) for own, ending, process in watched.values() if own == wave])


def main() -> None:
    """Guard the parent on standard input; ignore signals that are meant for the parent's terminal."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)
    guard(sys.stdin)


if __name__ == "__main__":
    main()
