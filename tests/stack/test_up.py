"""`permit-hub up`: the whole stack, as an operator runs it."""

import os
import signal
import sys
import time
from datetime import UTC, datetime

import psutil
import pytest
from permit_hub_client import Hub

from integrations.registry import ADAPTERS
from ops.canary import Canary
from ops.embedded import running

PORTS = ("personal_space", "flower", "sandbox", "sandbox_tls", "mailbox", "valkey")
SERVERS = {"postgres", "valkey", "sandbox", "mailbox", "flower", "stand-ins", "personal-space"}
WORKERS = {"consent", "jobs", "bulk", "remind", "beat", *(f"deliver-{name}" for name in ADAPTERS)}
UP = (sys.executable, "-m", "ops.cli", "up", "--json", "--data")


DEMO, PLATES = "r-camille", ["EF-367-QS", "PO-456-VB", "AA-111-AA"]


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def hub_on(folder) -> Hub:
    found = running.find(folder)
    assert found is not None
    return Hub(
        found.environment["PERMIT_HUB_REDIS_URL"], source="test", prefix=found.environment["PERMIT_HUB_REDIS_PREFIX"]
    )


@pytest.fixture
def up(folder, parent, until, gone):
    """Start the stack; yield its process and what it printed."""
    started = time.monotonic()
    process, told = parent(*UP, str(folder))
    assert time.monotonic() - started < 60
    pids = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    yield process, told, pids
    process.kill()
    until(lambda: gone(pids), 60)


def test_ctrl_c_ends_it_in_good_order_and_leaves_nothing(up, folder, gone, listens):
    process, told, pids = up
    assert set(told["processes"]) == SERVERS | WORKERS
    assert all(listens(port(told["addresses"][name])) for name in PORTS)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert gone(pids)
    assert not any(listens(port(told["addresses"][name])) for name in PORTS)
    assert "database system is shut down" in (folder / "log" / "postgres.log").read_text()
    for log in (folder / "log").glob("deliver-*.log"):
        assert "Cold shutdown" not in log.read_text()


def test_killed_it_leaves_nothing_either(up, gone, listens, until):
    process, told, pids = up
    process.kill()
    until(lambda: gone(pids), 60)
    assert not any(listens(port(told["addresses"][name])) for name in PORTS)


def test_a_worker_that_was_killed_is_replaced_and_other_terminals_find_the_stack(up, folder, until):
    process, told, _ = up
    found = running.find(folder)
    assert found is not None
    assert found.pid == process.pid
    psutil.Process(told["processes"]["consent"]).kill()
    canary = Canary(found.environment["PERMIT_HUB_REDIS_URL"], found.environment["PERMIT_HUB_REDIS_PREFIX"])
    pings = []

    def answers() -> bool:  # asked again each time: the dying one may have taken a ping with it
        pings.append(canary.send("consent"))
        return any(canary.was_answered(ping) for ping in pings)

    until(answers, 60)
    canary.close()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert running.find(folder) is None


def test_the_demo_account_has_the_guides_permits_and_a_second_start_leaves_what_became_of_them(up, folder, parent):
    process, told, _ = up
    assert told["account"] == {"email": "camille@example.org", "password": "demo"}
    with hub_on(folder) as hub:
        assert [card["plate"] for card in hub.space(DEMO)["cards"]] == PLATES
        assert hub.space("r-dominique") is None
        decision = {"choice": "refuse", "providers": ["easypark"], "text": {"version": "1", "sha256": "a" * 64}}
        assert hub.submit("consent.decide", resident_id=DEMO, decided_at=datetime.now(UTC), **decision).applied
        before = hub.space(DEMO)
    process.terminate()
    process.communicate(timeout=60)

    again, told = parent(*UP, str(folder), env=os.environ | {"PERMIT_HUB_SETTLE_SECONDS": "50"})
    with hub_on(folder) as hub:
        after = hub.space(DEMO)
    assert (after["cards"], after["consent"]["version"]) == (before["cards"], before["consent"]["version"])
    for name in ("personal-space", "stand-ins"):
        variables = psutil.Process(told["processes"][name]).environ()
        assert not [variable for variable in variables if variable.startswith("PERMIT_HUB_")], name
    again.terminate()
    again.communicate(timeout=60)
