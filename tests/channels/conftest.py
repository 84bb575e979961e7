"""What the tests of channels share."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations import settings
from integrations.channels.settings import EmailSettings
from tests.integrations.certificates import Authority

Run = Callable[..., Any]
MakeAccess = Callable[..., EmailSettings]

COMPLETE = {
    "HOST": "127.0.0.1",
    "SENDER": "Ville de Démo <rappels@demo.example>",
    "SPACE_URL": "https://demo.example/espace",
    "UNSUBSCRIBE_URL": "https://demo.example/rappels/arreter/",
}


@pytest.fixture
def run() -> Iterator[Run]:
    """Run coroutines in one loop for the whole test, as a worker does."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def make_access(monkeypatch: pytest.MonkeyPatch) -> MakeAccess:
    """Return a function that reads complete settings, with the given ones changed; None leaves one out."""

    def make(*, development: bool = True, **given: object) -> EmailSettings:
        if development:
            monkeypatch.setenv("PERMIT_HUB_DEVELOPMENT", "true")
        for name, value in (COMPLETE | {name.upper(): value for name, value in given.items()}).items():
            if value is not None:
                monkeypatch.setenv(f"PERMIT_HUB_EMAIL_{name}", str(value))
        return settings.read("email", EmailSettings)

    return make


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
