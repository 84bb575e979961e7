"""A stack ends when asked, however it was started, and its children ignore and block no signal."""

import signal
import subprocess
import sys

import pytest

from tests.stack.conftest import Parent

NAMES = ("INT", "QUIT", "TERM", "CHLD", "USR1", "USR2")
INHERITING = """
import os, signal, sys
for name in sys.argv[1].split(","):
    signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD])
os.execv(sys.argv[2], sys.argv[2:])
"""
ENDS = """
import json, signal, subprocess, sys
from ops.embedded.signals import end_when_asked
end_when_asked()
child = subprocess.run([sys.executable, "-c", "raise SystemExit(3)"])
began = subprocess.run(["grep", "^Sig[BI]", "/proc/self/status"], capture_output=True, text=True)
try:
    print(json.dumps([child.returncode, began.stdout]), flush=True)
    while True:
        signal.pause()
except KeyboardInterrupt:
    sys.exit(7)
"""


def inheriting(*command: str, ignored: str) -> tuple[str, ...]:
    """Return a command that starts with these signals ignored and others blocked."""
    return (sys.executable, "-c", INHERITING, ignored, *command)


def ignored_or_blocked(status: str) -> set[int]:
    """Return the signals that a process ignores or blocks, without the two that belong to the C library."""
    lines = status.splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigIgn:", "SigBlk:"))]
    return {number for number in signal.valid_signals() if any(mask >> (number - 1) & 1 for mask in masks)}


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("ignored", ["INT", ",".join(NAMES)])
def test_a_stack_ends_when_asked_and_its_children_ignore_no_signals(
    parent: Parent, ignored: str, asked: signal.Signals
) -> None:
    process, (code, masks) = parent(*inheriting(sys.executable, "-c", ENDS, ignored=ignored))
    assert code == 3
    assert ignored_or_blocked(masks) == set()
    process.send_signal(asked)
    assert process.wait(20) == 7


def test_under_nohup_a_hangup_does_not_end_the_stack(parent: Parent) -> None:
    process, (_, masks) = parent(*inheriting(sys.executable, "-c", ENDS, ignored="HUP"))
    assert ignored_or_blocked(masks) == set()
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 7


def test_a_second_signal_does_not_disturb_the_stop(parent: Parent) -> None:
    script = ENDS.replace("sys.exit(7)", "signal.raise_signal(2); signal.raise_signal(15); sys.exit(7)")
    process, _ = parent("-c", script)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 7
