"""What the tests of the command line run it on.

- `permit_hub(*arguments)`: runs the command line and returns the ended process; nothing of it raises.
- `folder` (module): an empty data folder with a short path, removed afterwards; the demo is played on it.
- `city` (session): a stack kept running by `permit-hub up` on a folder of its own, as a `tests.ops.city.City`. A test
  leaves no dead letter, no pause and no misbehaviour there.
- `running`: that stack's data folder.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from integrations.sandbox.control import Control
from ops.embedded import running as stacks
from ops.embedded.folders import remove_data
from tests.ops.city import City, PermitHub

COMMAND = (sys.executable, "-m", "ops.cli")
SETTLE_SECONDS = 2.0  # the sandboxes apply nothing later than told


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        for part in (place / "demo", place):
            remove_data(part)


@pytest.fixture(scope="session")
def permit_hub() -> PermitHub:
    def run(*arguments: object, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=os.environ | {"COLUMNS": "80"} | variables,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


@pytest.fixture(scope="session")
def city(permit_hub: PermitHub) -> Iterator[City]:
    place = Path(tempfile.mkdtemp(prefix="hub-"))
    place.chmod(0o711)
    command = [*COMMAND, "up", "--json", "--data", str(place)]
    variables = os.environ | {"PERMIT_HUB_SETTLE_SECONDS": str(SETTLE_SECONDS)}
    try:
        with subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            addresses = json.loads(process.stdout.readline())["addresses"]
            found = stacks.find(place)
            assert found is not None
            with Control(addresses["sandbox"]) as control:
                yield City(place, found.environment, control, partial(permit_hub, PERMIT_HUB_DATA=str(place)))
            process.terminate()
    finally:
        remove_data(place)


@pytest.fixture
def running(city: City) -> Path:
    return city.folder
