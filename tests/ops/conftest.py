"""One data folder for all tests of the command line: the demo is played on it first, then a stack is kept running.

- `permit_hub(*arguments)`: runs the command line and returns the ended process; nothing of it raises.
- `folder` (module): an empty data folder with a short path, removed afterwards.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.embedded.folders import remove_data

COMMAND = (sys.executable, "-m", "ops.cli")

PermitHub = Callable[..., subprocess.CompletedProcess[str]]


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
            env=os.environ | variables,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run
