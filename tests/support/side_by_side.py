"""Tests in several processes side by side (`pytest -n 3`), on the same PostgreSQL and Valkey.

The process that hands out the tests starts both servers and ends them; those that run tests are told where they are.
The tests of a file stay together, and those of a directory that shares a stack, so that none is started twice.

Files, and the tests in them, come in random order (`pytest-randomly`): the run prints its seed, `--randomly-seed=…`
repeats it, and `-p no:randomly` is the order as written. Two marks keep an order:

- `in_order`: the tests of this file tell one story, such as a stack that is started, ended and started again.
- `waits_for_the_clock`: it waits for what a stack does once a minute, so it comes when the stack has run for long.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ops.embedded import postgres, secrets
from ops.embedded.folders import remove_data
from ops.embedded.servers import Servers
from ops.embedded.valkey import Valkey

TESTS = Path(__file__).parents[1]
TOGETHER = (
    ("personal_space", "ops"),
    ("faults",),
    ("sharing",),
    ("services/years",),
    ("stack",),
    ("guard",),
    ("stand_ins",),
    ("client",),
)
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
        self.postgres = postgres.prepare(data, self.secrets.postgres_secret)
        self.valkey = Valkey(data / "valkey" / "valkey.conf", redis_port, self.secrets.redis_secret)


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
    from xdist.scheduler import LoadFileScheduling  # not needed by a run in one process

    class Whole(LoadFileScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            turn = _turn(config.rootpath / file)
            return file if turn == len(TOGETHER) else str(turn)

    config.option.loadscopereorder = False
    return Whole(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Keep the order of what is marked so; put first what is handed out as a whole, if others take the rest."""
    written = {item: number for number, item in enumerate(items)}
    yield
    places: dict[Path, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        if item.get_closest_marker("in_order"):
            places[item.path].append(place)
    for at in places.values():
        for place, item in zip(at, sorted((items[place] for place in at), key=written.__getitem__), strict=True):
            items[place] = item
    side_by_side = hasattr(config, "workerinput")
    items.sort(key=lambda item: (_turn(item.path) if side_by_side else 0, _is_late(item)))


def _is_late(item: pytest.Item) -> bool:
    return item.get_closest_marker("waits_for_the_clock") is not None


def _turn(file: Path) -> int:
    place = file.relative_to(TESTS)
    return next((turn for turn, rooms in enumerate(TOGETHER) if any(map(place.is_relative_to, rooms))), len(TOGETHER))
