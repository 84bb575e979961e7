"""The watchdog kills a worker whose loop hangs, and no other."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.guard.harness import ROOT
from tests.support.waiting import eventually
from worker.tasks.process.watchdog import Limits, Silence

LIMITS = Limits(computing=2, processor=0.2, waiting=5)

LOOP = f"""
import os, re, sys, threading, time
from worker.tasks.process.watchdog import Limits, Watchdog

watchdog = Watchdog({LIMITS!r})
if os.fork() == 0:  # its pool
    time.sleep(60)
    os._exit(0)

def turn(seconds):
    for _ in range(seconds):
        watchdog.touch()
        time.sleep(1)

def compute():  # as a regular expression that keeps every thread of its process from running
    re.match("((((((.+)+)+)+)+)+)+!", "a" * 40)

def wait():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def compute_outside(seconds=5):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass

print("ready", flush=True)
with watchdog.watching():
    turn(1)
    {{inside}}
{{outside}}
print("done", flush=True)
"""


@contextmanager
def running(folder: Path, inside: str = "pass", outside: str = "pass") -> Iterator[tuple[psutil.Popen, Path]]:
    log = folder / "log"
    with log.open("wb") as output:
        program = LOOP.replace("{inside}", inside).replace("{outside}", outside)
        command = [sys.executable, "-c", program]
        process = psutil.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=output, text=True, start_new_session=True
        )
        try:
            assert process.stdout.readline() == "ready\n"
            yield process, log
        finally:
            for each in (*process.children(recursive=True), process) if process.is_running() else ():
                each.kill()
            process.wait(10)
            process.stdout.close()


@pytest.mark.parametrize("hang", ["compute", "wait"])
def test_a_hanging_loop_is_killed_with_its_pool_and_says_where(tmp_path: Path, hang: str) -> None:
    with running(tmp_path, inside=f"{hang}()") as (process, log):
        family = process.children(recursive=True)
        assert len(family) == len(["pool", "watchdog"])
        assert process.wait(60) == -signal.SIGKILL
        eventually(lambda: not any(each.is_running() and each.status() != "zombie" for each in family), "all gone")
    told = log.read_text()
    (line,) = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert (line["event"], line["level"], line["pid"]) == ("worker.hung", "critical", process.pid)
    assert line["seconds"] >= (LIMITS.computing if hang == "compute" else LIMITS.waiting)
    assert f"in {hang}" in told


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("turn(7)", "pass"),
        ("pass", "compute_outside()"),
        ("time.sleep(3)", "pass"),
    ],
    ids=["idle", "letting its tasks end", "waiting for Redis"],
)
def test_a_worker_that_does_not_hang_is_left_alone(tmp_path: Path, inside: str, outside: str) -> None:
    with running(tmp_path, inside, outside) as (process, log):
        assert process.stdout.readline() == "done\n"
        assert process.wait(10) == 0
    assert log.read_text() == ""


def test_a_worker_that_was_frozen_gets_its_whole_time_again(tmp_path: Path) -> None:
    with running(tmp_path, inside="turn(3)") as (process, log):
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(psutil.TimeoutExpired):
            process.wait(LIMITS.waiting + 2)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "done\n"
    assert log.read_text() == ""


def test_a_watchdog_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with running(tmp_path, inside="turn(3); compute()") as (process, log):
        (watchdog,) = (child for child in process.children() if "-I" in child.cmdline())
        watchdog.kill()
        assert process.wait(60) == -signal.SIGKILL
    assert "worker.hung" in log.read_text()


def test_a_watchdog_ends_with_its_worker(tmp_path: Path) -> None:
    with running(tmp_path, inside="turn(30)") as (process, _):
        (watchdog,) = (child for child in process.children() if "-I" in child.cmdline())
        process.kill()
        process.wait(10)
        eventually(lambda: not watchdog.is_running(), "the watchdog gone")


@pytest.mark.parametrize(
    ("seconds", "processor", "hangs"),
    [(19, 19.0, False), (20, 20.0, True), (20, 5.0, True), (20, 4.9, False), (89, 0.0, False), (90, 0.0, True)],
)
def test_a_waiting_loop_is_given_longer_than_a_computing_one(seconds: int, processor: float, hangs: bool) -> None:
    assert Silence(seconds, processor).is_too_long(Limits()) is hangs
