"""`make test-fast` starts no server: a test that it chooses fails when it starts a process or opens an address."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
STARTING = {
    "a process": "import subprocess; subprocess.run(['true'])",
    "a fork": "import os; os.fork() or os._exit(0)",
    "a server": "import socket; socket.create_server(('127.0.0.1', 0))",
    "a client": "import socket; socket.create_connection(('127.0.0.1', 1))",
}


@pytest.mark.parametrize("started", STARTING)
def test_a_fast_test_that_starts_something_fails(started: str, tmp_path: Path) -> None:
    tried = tmp_path / "test_tried.py"
    tried.write_text(f"def test_it():\n    {STARTING[started]}\n\ndef test_nothing():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.no_process", "-c", "/dev/null", str(tried)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "1 failed, 1 passed" in ended.stdout
    assert "a fast test may neither start a process nor open an address" in ended.stdout


def test_make_runs_the_fast_tests_so() -> None:
    (recipe,) = [line for line in (PROJECT / "Makefile").read_text().splitlines() if "no_process" in line]
    assert "pytest -n 0 -p tests.support.no_process" in recipe
