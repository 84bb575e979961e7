"""The embedded servers: where their data is, and that no process stays behind."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest

from ops.embedded import postgres
from ops.embedded.children.start import ChildFailedError
from ops.embedded.folders import UnusableFolderError
from ops.embedded.servers import AlreadyRunningError, Servers
from tests.stack.conftest import Parent
from tests.support.waiting import eventually

PROJECT = Path(__file__).parent.parent.parent
RUN_SERVERS = """
import json, sys
from pathlib import Path
import psutil
from ops.embedded.servers import Servers
with Servers(Path(sys.argv[1])) as servers:
    with servers.postgres.connect("permit_hub") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    pids = [child.pid for child in psutil.Process().children()]
    print(json.dumps({"pids": pids, "port": servers.valkey.port}), flush=True)
    sys.stdin.read()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_stopped_servers_leave_no_process_and_no_port(folder: Path, listens: Callable[[int], bool]) -> None:
    before = psutil.Process().children(recursive=True)
    with Servers(folder) as servers:
        port = servers.valkey.port
        assert listens(port)
    assert set(psutil.Process().children(recursive=True)) <= set(before)
    assert not listens(port)


def test_a_killed_parent_leaves_neither_process_nor_port(
    folder: Path, parent: Parent, gone: Callable[[Iterable[int]], bool], listens: Callable[[int], bool]
) -> None:
    process, told = parent("-c", RUN_SERVERS, str(folder))
    assert listens(told["port"])
    process.kill()
    eventually(lambda: gone(told["pids"]))
    assert not listens(told["port"])


def test_the_folder_of_a_killed_parent_can_be_used_at_once(folder: Path, parent: Parent) -> None:
    process, _ = parent("-c", RUN_SERVERS, str(folder))
    with Servers(folder.parent / f"{folder.name}-never-used"):
        pass
    shutil.rmtree(folder.parent / f"{folder.name}-never-used")
    process.kill()
    with Servers(folder) as servers, servers.postgres.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_ctrl_c_ends_the_servers(folder: Path, parent: Parent, gone: Callable[[Iterable[int]], bool]) -> None:
    process, told = parent("-c", RUN_SERVERS, str(folder))
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert gone(told["pids"])


def test_committed_rows_and_queued_messages_survive_a_restart(folder: Path) -> None:
    with Servers(folder) as servers:
        with servers.postgres.connect("permit_hub") as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        secrets = servers.secrets
    with Servers(folder) as servers, servers.postgres.connect("permit_hub") as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert servers.secrets == secrets


def test_a_second_stack_on_the_same_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Servers(folder), pytest.raises(AlreadyRunningError, match=str(folder)):
        Servers(folder, lock_seconds=0.1).start()


def test_the_error_of_a_taken_port_has_valkeys_own_words(folder: Path, servers: Servers) -> None:
    with pytest.raises(ChildFailedError, match=r"(?s)valkey ended with exit code 1.*in use"):
        Servers(folder, redis_port=servers.valkey.port).start()
    assert not [child for child in psutil.Process().children() if str(folder) in " ".join(child.cmdline())]


def test_only_their_owner_can_read_the_stacks_secrets(folder: Path) -> None:
    with Servers(folder) as servers:
        assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
        assert servers.secrets.hash_key not in repr(servers.secrets)
        for child in servers.supervisor.children:
            arguments = " ".join(psutil.Process(child.pid).cmdline())
            assert servers.secrets.redis_secret not in arguments


def test_the_servers_run_below_a_path_that_is_too_long_for_a_socket(folder: Path) -> None:
    with Servers(folder / ("long-" * 20) / "er") as servers, servers.postgres.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_servers_run_below_a_path_with_spaces_and_accents(folder: Path) -> None:
    with Servers(folder / "données à garder") as servers, servers.postgres.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@as_root
def test_a_private_folder_stays_closed_to_other_users(folder: Path) -> None:
    private = folder / "home"
    private.mkdir(mode=0o700)
    with Servers(private / "data") as servers:
        assert private not in servers.postgres.cluster.parents
        assert stat.S_IMODE(servers.postgres.cluster.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    place = (private / "data" / "postgres").resolve()
    shutil.rmtree(place)
    with pytest.raises(UnusableFolderError, match="start with a new one"):
        Servers(private / "data").start()


@as_root
def test_programs_in_a_private_folder_are_copied_and_the_folder_stays_private(folder: Path) -> None:
    private = folder / "home"
    private.mkdir(mode=0o700)
    for part in (postgres.PROGRAMS, *postgres.LIBRARIES):
        if (postgres.installed_packages() / part).exists():
            shutil.copytree(postgres.installed_packages() / part, private / part)
    prepared = postgres.prepare(folder, "secret", packages=private)
    assert private not in prepared.binaries.parents
    assert (prepared.cluster / "PG_VERSION").exists()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@as_root
def test_an_ordinary_user_can_run_the_servers(
    folder: Path, parent: Parent, gone: Callable[[Iterable[int]], bool]
) -> None:
    python = _python_for_all()
    os.chown(folder, 65534, 65534)
    process, told = parent(
        *(python, "-c", RUN_SERVERS, str(folder)),
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env={
            "PATH": os.defpath,
            "PYTHONPATH": f"{PROJECT}:{sysconfig.get_path('purelib')}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    assert all(psutil.Process(pid).uids().real == 65534 for pid in told["pids"])
    process.kill()
    eventually(lambda: gone(told["pids"]))


def _python_for_all() -> str:
    """Return a Python of this version that every user may run, with this environment's packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        try:
            attempt = subprocess.run(
                [python, "-c", "import psycopg, redis, ops"],
                user=65534,
                group=65534,
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": f"{PROJECT}:{sysconfig.get_path('purelib')}"},
                capture_output=True,
                check=False,
            )
        except (PermissionError, FileNotFoundError):
            continue
        if attempt.returncode == 0:
            return python
    pytest.skip("no Python of this version that other users may run, with this project in their reach")
