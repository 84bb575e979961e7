"""The client as a web app gets it: installed alone, and used across a fork."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import ToyHub

BESIDE = ("redis", "async_timeout") if sys.version_info < (3, 11, 3) else ("redis",)
_CLIENT = Path(__file__).parents[2] / "upstream" / "client"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it into a folder that has only redis and its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = tmp_path_factory.mktemp("wheels")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels], cwd=_CLIENT, check=True)
    (wheel,) = wheels.glob("permit_hub_client-*.whl")
    install: list[str | Path] = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--target",
        folder,
        wheel,
    ]
    subprocess.run([sys.executable, *install, "--disable-pip-version-check", "--root-user-action=ignore"], check=True)
    for name in BESIDE:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        (found,) = spec.submodule_search_locations
        (folder / name).symlink_to(found)
    return folder


_ALONE = """
import asyncio, sys
sys.path.append(sys.argv[1])
import permit_hub_client
assert permit_hub_client.__file__.startswith(sys.argv[1]), permit_hub_client.__file__
hub = permit_hub_client.Hub(sys.argv[2], source="alone", prefix=sys.argv[3])
assert hub.submit("consent.decide", resident_id="r-1").applied

async def awaited():
    async with hub.aio.watch("r-1"):
        return await hub.aio.submit("consent.decide", resident_id="r-1")

assert asyncio.run(awaited()).applied
hub.close()
foreign = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(*sorted(name for name in foreign if not name.startswith("__")))
"""


def test_the_client_runs_with_redis_as_its_only_dependency(installed: Path, toy: ToyHub) -> None:
    bare = [sys.executable, "-I", "-S", "-W", "error", "-c", _ALONE, str(installed), toy.url, toy.prefix]
    seen = subprocess.run(bare, check=True, capture_output=True, text=True).stdout.split()
    assert seen == sorted({"permit_hub_client", *BESIDE})


def test_the_distribution_has_the_clients_types(installed: Path) -> None:
    assert (installed / "permit_hub_client" / "py.typed").is_file()


_FORK = """
import os, sys
from permit_hub_client import Hub
with Hub(sys.argv[1], source="fork", prefix=sys.argv[2]) as hub:
    def work():
        for _ in range(50):
            job = hub.job("consent.decide", resident_id="r-1")
            assert hub.submit(job).job_id == job.job_id
    work()
    child = os.fork()
    work()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


def test_a_hub_that_was_used_before_a_fork_works_on_both_sides(toy: ToyHub) -> None:
    subprocess.run([sys.executable, "-c", _FORK, toy.url, toy.prefix], check=True, timeout=60)
