"""`permit-hub up`: the whole stack, as an operator runs it: started, ended with Ctrl-C, started again, and killed.

It starts twice for all of these tests, which depend on their order.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from permit_hub_client import Hub, Space

from integrations.registry import ADAPTERS
from ops import running
from ops.canary import Canary
from tests.stack.conftest import own_folder
from tests.stack.test_signals import ignored_or_blocked, inheriting
from tests.support.waiting import eventually

PORTS = ("personal_space", "flower", "sandbox", "sandbox_tls", "mailbox", "valkey")
SERVERS = {"postgres", "valkey", "sandbox", "mailbox", "flower", "stand-ins", "personal-space"}
WORKERS = {"consent", "urgent", "jobs", "bulk", "remind", "beat", *(f"deliver-{name}" for name in ADAPTERS)}
UP = (sys.executable, "-m", "ops.cli", "up", "--json", "--data")
SHELL = ("/bin/sh", "-c", '"$@" <&- & wait $!', "sh")
PYTHONS_OWN = {signal.SIGPIPE, signal.SIGXFSZ}
DEMO, PLATES = "r-camille", ["EF-367-QS", "PO-456-VB", "AA-111-AA"]


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def hub_on(folder: Path) -> Hub:
    found = running.find(folder)
    assert found is not None
    url, key = running.broker_file(folder).read_text().strip(), running.key_file(folder).read_text()
    return Hub(url, source="my-portal", key=key, prefix=found.environment["PERMIT_HUB_REDIS_PREFIX"])


@dataclass(frozen=True)
class Stack:
    """The running stack: its process, the script that started it, and its output."""

    process: psutil.Process
    script: subprocess.Popen[str]
    told: dict[str, Any]

    @property
    def pids(self) -> list[int]:
        """Return the stack's child processes."""
        return [child.pid for child in self.process.children(recursive=True)]

    @property
    def ports(self) -> list[int]:
        return [port(self.told["addresses"][name]) for name in PORTS]


@contextmanager
def started(folder: Path, **variables: str) -> Iterator[Stack]:
    """Start it from the background of a script, which ignores signals."""
    command = (*SHELL, *inheriting(*UP, str(folder), ignored="CHLD,TERM"))
    began = time.monotonic()
    with subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"it ended with {process.wait()}, and says why above"
            told = json.loads(line)
            assert time.monotonic() - began < 60
            (up,) = psutil.Process(process.pid).children()
            yield Stack(up, process, told)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


pytestmark = pytest.mark.in_order


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with own_folder() as place:
        yield place


@pytest.fixture(scope="module")
def up(place: Path) -> Iterator[Stack]:
    with started(place) as stack:
        yield stack


@pytest.fixture(scope="module")
def decided(up: Stack, place: Path) -> Space:
    """Send a decision of the demo account; return its personal space."""
    with hub_on(place) as hub:
        decision: dict[str, Any] = {
            "choice": "refuse",
            "providers": ["easypark"],
            "text": {"version": "1", "sha256": "a" * 64},
        }
        assert hub.submit("consent.decide", resident_id=DEMO, decided_at=datetime.now(UTC), **decision).applied
        space = hub.space(DEMO)
    assert space is not None
    return space


@pytest.fixture(scope="module")
def ended(up: Stack, decided: Space) -> list[int]:
    """End the stack with Ctrl-C; return the processes that it had."""
    pids = up.pids
    up.process.send_signal(signal.SIGINT)
    up.script.communicate(timeout=60)
    return [up.process.pid, *pids]


@pytest.fixture(scope="module")
def again(ended: list[int], place: Path) -> Iterator[Stack]:
    """Start it again on the same folder, with another setting."""
    with started(place, PERMIT_HUB_SETTLE_SECONDS="50") as stack:
        yield stack


def test_all_processes_of_the_stack_run_and_its_ports_answer(up: Stack, listens: Callable[[int], bool]) -> None:
    assert set(up.told["processes"]) == SERVERS | WORKERS
    assert all(map(listens, up.ports))


def test_up_gives_the_demo_account_the_guides_permits(up: Stack, place: Path) -> None:
    assert up.told["account"] == {"email": "camille@example.org", "password": "demo"}
    with hub_on(place) as hub:
        space = hub.space(DEMO)
        assert space is not None
        assert [card["plate"] for card in space["cards"]] == PLATES
        assert hub.space("r-dominique") is None


def test_a_worker_that_was_killed_is_replaced_and_other_terminals_find_the_stack(up: Stack, place: Path) -> None:
    found = running.find(place)
    assert found is not None
    assert found.pid == up.process.pid
    psutil.Process(up.told["processes"]["consent"]).kill()
    canary = Canary(found.environment["PERMIT_HUB_REDIS_URL"], found.environment["PERMIT_HUB_REDIS_PREFIX"])
    pings = []

    def answers() -> bool:  # asked again each time: the dying one may have taken a ping with it
        pings.append(canary.send("consent"))
        return any(canary.was_answered(ping) for ping in pings)

    eventually(answers)
    canary.close()


def test_the_stacks_processes_ignore_no_signals_that_the_script_did(up: Stack) -> None:
    for name in ("beat", "flower"):  # these ignore nothing of their own accord
        status = Path(f"/proc/{up.told['processes'][name]}/status").read_text()
        assert ignored_or_blocked(status) <= PYTHONS_OWN, name


def test_ctrl_c_ends_the_stack_in_order_and_leaves_no_process(
    up: Stack, ended: list[int], place: Path, gone: Callable[[Iterable[int]], bool], listens: Callable[[int], bool]
) -> None:
    assert up.script.returncode == 0
    assert gone(ended)
    assert not any(map(listens, up.ports))
    assert running.find(place) is None
    assert "database system is shut down" in (place / "log" / "postgres.log").read_text()
    for log in (place / "log").glob("deliver-*.log"):
        assert "Cold shutdown" not in log.read_text()


def test_a_second_start_keeps_the_demo_accounts_changes(decided: Space, again: Stack, place: Path) -> None:
    with hub_on(place) as hub:
        after = hub.space(DEMO)
    assert after is not None
    assert (after["cards"], after["consent"]["version"]) == (decided["cards"], decided["consent"]["version"])


def test_the_web_app_and_the_stand_ins_get_no_variables_of_the_hub(again: Stack) -> None:
    for name in ("personal-space", "stand-ins"):
        variables = psutil.Process(again.told["processes"][name]).environ()
        assert not [variable for variable in variables if variable.startswith("PERMIT_HUB_")], name


def test_a_killed_stack_leaves_no_process(
    again: Stack, gone: Callable[[Iterable[int]], bool], listens: Callable[[int], bool]
) -> None:
    pids = again.pids
    again.process.kill()
    eventually(lambda: gone(pids))
    assert not any(map(listens, again.ports))
