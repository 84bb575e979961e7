"""Tests in two processes side by side (`pytest -n 2`), on the same PostgreSQL and Valkey.

The process that hands out the tests starts both servers and ends them; those that run tests are told where they are.
The tests of a file stay together, and those of a directory that shares a stack, so that none is started twice.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ops.embedded import postgres, secrets, valkey
from ops.embedded.folders import remove_data
from ops.embedded.servers import Servers

TESTS = Path(__file__).parents[1]
TOGETHER = (("personal_space", "ops"), ("faults",), ("sharing",), ("stack",), ("guard",), ("stand_ins",), ("client",))
"""Directories that one process runs, before all others: what takes longest may not begin last."""

_TOLD = "servers"  # the name under which they are told where the servers are
_running = pytest.StashKey[Servers]()


class Joined(Servers):
    """The servers that another process of this run has started, and ends."""

    def __init__(self, data: Path, redis_port: int) -> None:
        """Find them below their data folder."""
        super().__init__(data)
        self.data, self.logs = data, data / "log"
        self.secrets = secrets.load_or_make(data)
        self.postgres = postgres.prepare(data)
        self.valkey = valkey.prepare(data, port=redis_port, password=self.secrets.redis_password)


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Run both servers on a folder of their own."""
    data = Path(tempfile.mkdtemp(prefix="permit-hub-tests-"))
    data.chmod(0o711)  # PostgreSQL's account passes through
    try:
        with Servers(data) as running:
            yield running
    finally:
        remove_data(data)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    told = getattr(request.config, "workerinput", {}).get(_TOLD)
    if told is None:
        with running_servers() as running:
            yield running
    else:
        yield Joined(Path(told["data"]), told["redis_port"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the servers before the first process that runs tests, and tell each where they are."""
    if _running not in node.config.stash:
        until_the_end = ExitStack()
        node.config.add_cleanup(until_the_end.close)
        node.config.stash[_running] = until_the_end.enter_context(running_servers())
    found = node.config.stash[_running]
    node.workerinput[_TOLD] = {"data": str(found.data), "redis_port": found.valkey.port}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep together what shares a stack, and hand it out in the order in which it was collected."""
    from xdist.scheduler import LoadFileScheduling  # whoever runs all tests in one process can do without it

    class Whole(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            turn = _turn(config.rootpath / file)
            return file if turn is None else str(turn)

    config.option.loadscopereorder = False
    return Whole(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put first what is handed out as a whole, when there are two processes to hand it to."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: len(TOGETHER) if (turn := _turn(item.path)) is None else turn)


def _turn(file: Path) -> int | None:
    directory = file.relative_to(TESTS).parts[0]
    return next((turn for turn, together in enumerate(TOGETHER) if directory in together), None)
