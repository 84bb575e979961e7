"""Environments that hold the packages of one file of pins and no others, on any Python of this machine."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack.image import lay_out, requirements

UV = (sys.executable, "-m", "uv", "--quiet")


@dataclass(frozen=True, slots=True)
class Image:
    """What an image of the Dockerfile holds: the code below /app, and a Python with its packages."""

    app: Path
    python: Path

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run its Python as a container would, with no other variables than these."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.app,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.app), "COLUMNS": "200"} | variables,
            capture_output=True,
            text=True,
            check=False,
        )


def build(target: str, place: Path, python: str = sys.executable) -> Image:
    """Make what an image of this target holds, for a Python of this machine."""
    app = place / "app"
    app.mkdir(parents=True)
    lay_out(target, app)
    return Image(app, install(requirements(target), place / "packages", python))


def install(pins: Path, place: Path, python: str) -> Path:
    """Install pinned packages into an environment of their own; return its Python.

    Packages that were never installed here before come from the registry. Out of its reach the test is skipped, except
    where everything is checked.
    """
    subprocess.run([*UV, "venv", "--python", python, str(place)], check=True)
    found = place / "bin" / "python"
    command = [*UV, "pip", "install", "--python", str(found), "--require-hashes", "--requirement", str(pins)]
    mirror = {"UV_DEFAULT_INDEX": os.environ["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in os.environ else {}
    installed = subprocess.run(command, env=os.environ | mirror, capture_output=True, text=True, check=False)
    if installed.returncode and os.environ.get("CI") != "true" and "Failed to fetch" in installed.stderr:
        pytest.skip("the registry of packages is out of reach")
    assert installed.returncode == 0, installed.stderr
    return found
