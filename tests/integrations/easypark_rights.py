"""What the tests of EasyPark share: an adapter of its sandbox, and permits in the words of each side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.easypark.adapter import Access, EasyPark
from tests.conftest import Sandbox

NAME = "easypark"
PARIS = ZoneInfo("Europe/Paris")

Run = Callable[..., Any]


def reach(url: str, key: str) -> EasyPark:
    """Return an adapter of the server at an address."""
    return EasyPark(Access(url=url, key=SecretStr(key), development=True), zone=PARIS, connections=8)


@contextmanager
def sandboxed(sandbox: Sandbox, run: Run) -> Iterator[EasyPark]:
    """Have an adapter of the sandbox."""
    found = reach(f"{sandbox.url}/{NAME}", sandbox.access.secrets[NAME]["key"])
    try:
        yield found
    finally:
        run(found.aclose())
