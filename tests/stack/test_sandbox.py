"""`permit-hub sandbox`: the stand-ins for the providers alone, for authors of adapters."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from integrations.sandbox.control import Control
from tests.stack.conftest import Parent

SANDBOX = (sys.executable, "-m", "ops.cli", "sandbox", "--data")
SEND = """
import asyncio
from uuid import UUID
from zoneinfo import ZoneInfo
from integrations import registry
from integrations.base import Change

async def send():
    access = registry.access("easypark")
    adapter = registry.adapter("easypark", access, zone=ZoneInfo("Europe/Paris"), connections=1)
    await adapter.send(Change(UUID(int=1), 2, None))
    await adapter.aclose()

asyncio.run(send())
"""


def test_the_sandboxs_printed_settings_lead_a_hub_to_it(
    folder: Path, parent: Parent, listens: Callable[[int], bool]
) -> None:
    process, told = parent(*SANDBOX, str(folder), "--json")

    subprocess.run([sys.executable, "-c", SEND], env=os.environ | told["environment"], check=True)

    with Control(told["addresses"]["sandbox"]) as control:
        assert [request.status for request in control.requests("easypark")] == [404]
    assert Path(told["addresses"]["secrets"]).is_relative_to(folder)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert not listens(int(told["addresses"]["sandbox"].rpartition(":")[2]))


def test_the_sandboxs_settings_are_the_same_at_the_next_start(folder: Path, parent: Parent) -> None:
    settings = []
    for _ in range(2):
        process, told = parent(*SANDBOX, str(folder), "--json")
        process.terminate()
        process.communicate(timeout=10)
        settings.append({name: value for name, value in told["environment"].items() if not name.endswith("_URL")})

    assert settings[0] == settings[1]


def test_a_shell_can_read_the_sandboxs_settings(folder: Path) -> None:
    with subprocess.Popen(
        (*SANDBOX, str(folder)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        hint = process.stderr.readline()
        process.terminate()
        exports, _ = process.communicate(timeout=10)
    script = f"{exports}\nexec {sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"

    exported = json.loads(subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout)

    assert "easypark" in hint
    assert exported["PERMIT_HUB_EASYPARK_URL"].endswith("/easypark")
    assert len(exported["PERMIT_HUB_EASYPARK_KEY"]) > 32


def test_the_sandbox_names_a_taken_port_in_one_line(folder: Path, parent: Parent) -> None:
    _, told = parent(*SANDBOX, str(folder), "--json")
    port = told["addresses"]["sandbox"].rpartition(":")[2]

    second = subprocess.run((*SANDBOX, str(folder), "--port", port), capture_output=True, text=True, check=False)

    assert second.returncode == 1
    assert port in second.stderr
    assert len(second.stderr.splitlines()) == 1
