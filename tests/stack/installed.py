"""Environments that hold the packages of one file of pins and no others, on any Python of this machine."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.stack.image import PROJECT, lay_out, requirements

SUPPORTED = SpecifierSet(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["requires-python"])
PLACES = ("/usr/bin", "/usr/local/bin", "~/.local/bin", "~/.pyenv/versions/*/bin", "/opt/python/*/bin")
ASKED = """
import sys
from importlib.util import find_spec
print(".".join(map(str, sys.version_info[:3])) if find_spec("venv") else "")
"""
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


def found() -> Iterator[tuple[Version, str]]:
    """Yield the supported Pythons of this machine that can make environments."""
    places = [*os.environ["PATH"].split(os.pathsep), *(str(Path(place).expanduser()) for place in PLACES)]
    candidates = {path.resolve() for place in places for path in Path("/").glob(f"{place.lstrip('/')}/python3*")}
    for path in sorted(candidates):
        named = re.fullmatch(r"python(3|3\.\d+)", path.name)
        if named and (named[1] == "3" or SUPPORTED.contains(f"{named[1]}.99")):
            asked = subprocess.run([str(path), "-ISc", ASKED], capture_output=True, text=True, check=False)
            if (told := asked.stdout.strip()) and told in SUPPORTED:
                yield Version(told), str(path)


PYTHONS = dict(found())
LOWEST = min(PYTHONS)


def build(target: str, place: Path, version: Version) -> Image:
    """Make what an image of this target holds, for a Python of this machine."""
    app = place / "app"
    app.mkdir(parents=True)
    lay_out(target, app)
    return Image(app, install(requirements(target), place / "packages", PYTHONS[version]))


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
