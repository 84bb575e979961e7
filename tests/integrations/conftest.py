"""What the tests of integrations share."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.shared import SharedPermit, Validity
from tests.integrations.engine import Hub
from tests.integrations.subjects import SUITE, TWINS, Local, Remote, Subject
from tests.integrations.toys import Served, served

Run = Callable[..., Any]


@pytest.fixture
def run() -> Iterator[Callable[..., Any]]:
    """Run coroutines in one loop for the whole test, as a worker does."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(params=SUITE)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def subject(
    provider: str, run: Run, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Subject]:
    """Return one provider; afterwards all requests to it are compared with its contract."""
    if provider in TWINS:
        yield Local(provider)
        return
    sandbox = request.getfixturevalue("sandbox")
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    remote = Remote(provider, sandbox)
    yield remote
    run(remote.adapter.aclose())
    remote.check_contract()


@pytest.fixture
def hub(subject: Subject) -> Hub:
    return Hub(subject.adapter)


@pytest.fixture(scope="session")
def running_toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("toys")) as running:
        yield running


@pytest.fixture
def toys(running_toys: Served) -> Served:
    """Return the sandbox's server with toy providers."""
    running_toys.control.reset()
    return running_toys


@pytest.fixture
def reference() -> UUID:
    return uuid4()


@pytest.fixture
def permit() -> SharedPermit:
    """Return a permit with every field, with values that occur nowhere else."""
    return SharedPermit(
        reference=uuid4(),
        plate="QJ817XK",
        country="QZ",
        zones=("75014_A", "75014_B"),
        profile="zz_resident",
        validity=Validity(date(2024, 3, 31), date(2024, 10, 27)),  # the clock changes on both days
    )
