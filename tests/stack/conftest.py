"""Folders and processes for each test.

- `folder`: an empty data folder with a short path; removed afterwards, with what it links to.
- `parent`: starts a Python script as a process of its own, which prints one line of JSON and goes on until it is
  ended; returns the process and what it printed. All are killed after the test.
- `until(condition, seconds)`: waits for a condition, with a deadline.
- `image(target)`: what an image of the Dockerfile holds, with a Python that has its packages alone; made once, for the
  lowest Python of this machine; `image(target, version)` for another.
- `gone(pids)`, `listens(port)`: whether none of these processes runs, whether anything serves this port.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.embedded.folders import remove_data
from tests.stack.installed import LOWEST, Image, build

Parent = Callable[..., tuple[subprocess.Popen[str], Any]]


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make an empty data folder with a short path, and remove it afterwards with what it links to."""
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        remove_data(place)


@pytest.fixture
def folder() -> Iterator[Path]:
    with own_folder() as place:
        yield place


@pytest.fixture
def parent() -> Iterator[Parent]:
    started: list[subprocess.Popen[str]] = []

    def start(*command: str, **options: Any) -> tuple[subprocess.Popen[str], Any]:
        process = subprocess.Popen(
            command if command[0] != "-c" else (sys.executable, *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{"env": os.environ, **options},
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it printed nothing and ended with {process.wait()}"
        return process, json.loads(line)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Image]:
    made = cache(lambda target, version: build(target, tmp_path_factory.mktemp(target), version))
    return lambda target, version=LOWEST: made(target, version)


@pytest.fixture(scope="session")
def gone() -> Callable[[Iterable[int]], bool]:
    def none_runs(pids: Iterable[int]) -> bool:
        try:
            return not any(
                psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids if psutil.pid_exists(pid)
            )
        except psutil.NoSuchProcess:
            return False  # it went just now: ask again

    return none_runs


@pytest.fixture(scope="session")
def listens() -> Callable[[int], bool]:
    def anything(port: int) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return anything
