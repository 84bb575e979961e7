"""`make` on a machine that lacks something: it stops, and its last line says what to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NO_PYTHON = 'This needs Python 3.11 or newer, and "{}" is not. Install it, or name it: make PYTHON=python3.12'
Make = Callable[..., tuple[int, str]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Run make in a fresh checkout; return its exit code and its last line but make's own."""
    place = tmp_path / "a checkout"
    (place / "requirements").mkdir(parents=True)
    for name in ("Makefile", "requirements/dev.txt"):
        shutil.copy(PROJECT / name, place / name)

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        ended = subprocess.run(
            ["make", "demo", *arguments],
            cwd=place,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines = [line for line in ended.stdout.splitlines() if not line.startswith("make: ***")]
        return ended.returncode, lines[-1]

    return run


def older(tmp_path: Path) -> str:
    (tmp_path / "python3.9").write_text("#!/bin/sh\necho False\n")  # all that is asked of it
    (tmp_path / "python3.9").chmod(0o755)
    return str(tmp_path / "python3.9")


@pytest.mark.parametrize(
    "named",
    [lambda _: "python3.99", lambda _: "", str, older, lambda _: "true", lambda _: "/bin/sh", lambda _: "/dev/null"],
    ids=["missing", "nothing", "a folder", "too old", "no Python", "a shell", "a device"],
)
@pytest.mark.parametrize("where", ["environment", "argument"])
def test_what_is_no_python_is_named(make: Make, tmp_path: Path, named: Callable[[Path], str], where: str) -> None:
    python = named(tmp_path)
    code, last = make(f"PYTHON={python}") if where == "argument" else make(PYTHON=python)
    assert (code, last) == (2, NO_PYTHON.format(python))


def test_a_python_without_ensurepip_is_named(make: Make, tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ModuleNotFoundError")  # as Debian has it without python3-venv
    code, last = make(PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
    assert code == 2
    assert last == f'"{sys.executable}" lacks venv or ensurepip. On Debian and Ubuntu: apt install python3-venv'


@pytest.mark.timeout(600)  # an environment is made for real, on a machine that may be busy
def test_a_registry_out_of_reach_is_named_and_nothing_counts_as_done(make: Make, tmp_path: Path) -> None:
    code, last = make(PYTHON=sys.executable, PIP_INDEX_URL="http://127.0.0.1:1/simple", PIP_RETRIES="0")
    assert code == 2
    assert last.startswith("pip could not install the packages. Can it reach pypi.org?")
    assert not list(tmp_path.glob("*/.venv/pinned*"))
