"""`make` on a machine that lacks something: it stops, and its last line says what to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NO_PYTHON = 'This needs Python 3.11.2 to 3.14, and "{}" is none. Install one, or name it: make PYTHON=python3.13'
NO_PIP = '"{}" lacks venv or ensurepip. On Debian and Ubuntu: apt install python3-venv'
PROJECTS = ("upstream/client/pyproject.toml", "upstream/personal_space/pyproject.toml")
Make = Callable[..., tuple[int, str]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return what make looks at in a fresh checkout."""
    checkout = tmp_path / "a checkout"
    for name in ("Makefile", "requirements/dev.txt", "pyproject.toml", *PROJECTS):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, checkout / name)
    return checkout


@pytest.fixture
def make(place: Path, tmp_path: Path) -> Make:
    """Run make in a fresh checkout; return its exit code and its last line but make's own."""

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
    assert last == NO_PIP.format(sys.executable)


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        ((3, 10, 18), True),
        ((3, 11, 1), True),
        ((3, 11, 2), False),
        ((3, 12, 0), False),
        ((3, 14, 9), False),
        ((3, 15, 0), True),
        ((4, 0, 0), True),
    ],
    ids=str,
)
def test_only_the_versions_that_are_supported_are_taken(
    make: Make, tmp_path: Path, version: tuple[int, int, int], refused: bool
) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.version_info = {(*version, 'final', 0)}\n")
    (tmp_path / "ensurepip.py").write_text("raise ModuleNotFoundError")  # what is asked for next
    _, last = make(PYTHON=sys.executable, PYTHONPATH=str(tmp_path))
    assert last == (NO_PYTHON if refused else NO_PIP).format(sys.executable)


@pytest.mark.parametrize(("named", "again"), [((), False), (("PYTHON=./python",), True), (("PYTHON=./same",), False)])
def test_another_python_that_is_named_gets_an_environment_of_its_own(
    place: Path, named: tuple[str, ...], again: bool
) -> None:
    """What is planned where `.venv` is ready: only make's own rules are asked."""
    for name, version in ((".venv/bin/python", "3.13.0"), ("python", "3.12.1"), ("same", "3.13.0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"#!/bin/sh\necho Python {version}\n")
        (place / name).chmod(0o755)
    checked = subprocess.run(["cksum"], input=f"{place}\n", stdout=subprocess.PIPE, text=True, check=True)
    (place / f".venv/pinned-{checked.stdout.split()[0]}").touch()
    planned = subprocess.run(["make", "-n", "demo", *named], cwd=place, stdout=subprocess.PIPE, text=True, check=True)
    assert ("Setting up .venv" in planned.stdout) is again


@pytest.mark.timeout(600)  # an environment is made for real, on a machine that may be busy
def test_a_registry_out_of_reach_is_named_and_nothing_counts_as_done(make: Make, tmp_path: Path) -> None:
    code, last = make(PYTHON=sys.executable, PIP_INDEX_URL="http://127.0.0.1:1/simple", PIP_RETRIES="0")
    assert code == 2
    assert last.startswith("pip could not install the packages. Can it reach pypi.org?")
    assert not list(tmp_path.glob("*/.venv/pinned*"))
