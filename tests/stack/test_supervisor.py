"""The supervisor, with any program."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.embedded.children.priority import SESSION
from ops.embedded.children.program import Program
from ops.embedded.children.start import ChildFailedError
from ops.embedded.children.supervise import Supervisor
from tests.stack.conftest import Parent
from tests.support.waiting import eventually

NOTES_ITS_END = """
import pathlib, signal, sys
def end(*_):
    with open(sys.argv[1], "a") as notes:
        notes.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[2] + ".ready").touch()
signal.pause()
"""
HAS_A_CHILD_OF_ITS_OWN = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
pathlib.Path("unfinished").write_text(str(child.pid))
pathlib.Path("unfinished").rename("grandchild")
child.wait()
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.stop()


def program(folder: Path, name: str, script: str, ready: str, *arguments: str, **more: Any) -> Program:
    command = (sys.executable, "-c", script, *arguments)
    return Program(name, command, os.environ, folder, ready=lambda _: (folder / ready).exists(), **more)


def noting(folder: Path, name: str) -> Program:
    return program(folder, name, NOTES_ITS_END, f"{name}.ready", str(folder / "notes"), name)


def test_the_wave_that_started_last_ends_first(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start(noting(tmp_path, "database"))
    supervisor.start(noting(tmp_path, "worker-1"), noting(tmp_path, "worker-2"))
    supervisor.stop()
    ended = (tmp_path / "notes").read_text().split()
    assert sorted(ended[:2]) == ["worker-1", "worker-2"]
    assert ended[2:] == ["database"]


def test_a_child_that_ignores_its_stop_signal_is_killed(tmp_path: Path, gone: Callable[[Iterable[int]], bool]) -> None:
    script = "import signal, pathlib; signal.signal(15, signal.SIG_IGN); pathlib.Path('up').touch(); signal.pause()"
    supervisor = Supervisor(tmp_path)
    supervisor.start(program(tmp_path, "deaf", script, "up", stop_seconds=0.1))
    (child,) = supervisor.children
    supervisor.stop()
    assert gone([child.pid])


def test_a_child_gives_way_to_others_in_a_session_of_its_own(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start(
        program(tmp_path, "first", NOTES_ITS_END, "first.ready", str(tmp_path / "notes"), "first", nice=5),
        program(tmp_path, "second", NOTES_ITS_END, "second.ready", str(tmp_path / "notes"), "second", nice=5),
        noting(tmp_path, "third"),
    )
    pids = [child.pid for child in supervisor.children]
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in pids] == [5, 5, os.getpriority(os.PRIO_PROCESS, 0)]
    sessions = [SESSION.format(pid) for pid in pids]
    if Path(sessions[0]).exists():  # Linux, with autogroups
        assert [Path(session).read_text().split()[-1] for session in sessions] == ["5", "5", "0"]


def test_a_child_that_is_started_again_gives_way_at_once(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start(program(tmp_path, "worker", NOTES_ITS_END, "worker.ready", "notes", "worker", nice=5))
    (first,) = supervisor.children
    supervisor.watch(lambda _: None)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: supervisor.children[0].pid != first.pid)
    assert os.getpriority(os.PRIO_PROCESS, supervisor.children[0].pid) == 5


def test_the_error_of_a_program_that_does_not_start_shows_the_end_of_its_log(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    with pytest.raises(ChildFailedError, match=r"(?s)broken ended with exit code 3.*broken\.log.*no such thing"):
        supervisor.start(program(tmp_path, "broken", "import sys; print('no such thing'); sys.exit(3)", "never"))


def test_a_program_that_is_never_ready_is_named(tmp_path: Path, supervisor: Supervisor) -> None:
    with pytest.raises(ChildFailedError, match=r"slow was not ready within 0\.1 s"):
        supervisor.start(program(tmp_path, "slow", "import signal; signal.pause()", "never", ready_seconds=0.1))


def test_a_program_that_was_to_end_well_and_fails_is_named(tmp_path: Path, supervisor: Supervisor) -> None:
    with pytest.raises(ChildFailedError, match="migrate failed with exit code 1"):
        supervisor.run_to_its_end(program(tmp_path, "migrate", "raise SystemExit(1)", "never"))
    assert not supervisor.children


def test_a_child_that_dies_is_reported_and_started_again(tmp_path: Path, supervisor: Supervisor) -> None:
    reports: list[str] = []
    supervisor.start(noting(tmp_path, "worker"))
    (first,) = supervisor.children
    supervisor.watch(reports.append)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: supervisor.children[0].pid != first.pid)
    assert len(reports) == 1
    assert reports[0].startswith("worker ended with exit code -9, restarting in 0.5 s")


def test_when_a_child_dies_its_own_children_are_killed(
    tmp_path: Path, supervisor: Supervisor, gone: Callable[[Iterable[int]], bool]
) -> None:
    supervisor.start(program(tmp_path, "worker", HAS_A_CHILD_OF_ITS_OWN, "grandchild"))
    grandchild = int((tmp_path / "grandchild").read_text())
    (child,) = supervisor.children
    supervisor.watch(lambda _: None)
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: gone([grandchild]))


RUN_SUPERVISOR = """
import json, os, signal, sys, time
from pathlib import Path
import psutil
from ops.embedded.children.priority import SESSION
from ops.embedded.children.program import Program
from ops.embedded.children.supervise import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
idle = (sys.executable, "-c", "import signal; signal.pause()")
supervisor.start(*(Program(name, idle, os.environ, Path("/"), ready=lambda _: True) for name in "abc"))
supervisor.watch(lambda _: None)
supervised = {child.pid for child in supervisor.children}
(guardian,) = (child for child in psutil.Process().children() if child.pid not in supervised)
guardian.kill()
while not {child.pid for child in psutil.Process().children()} - supervised - {guardian.pid}:
    time.sleep(0.02)
print(json.dumps([child.pid for child in supervisor.children]), flush=True)
sys.stdin.readline()
"""


def test_a_guardian_that_was_killed_is_replaced(
    tmp_path: Path, parent: Parent, gone: Callable[[Iterable[int]], bool]
) -> None:
    process, children = parent("-c", RUN_SUPERVISOR, str(tmp_path))
    process.kill()
    eventually(lambda: gone(children))
