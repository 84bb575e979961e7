"""Shared by the tests of Indigo Neo: an adapter of its sandbox, and permits in each side's format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.base import Page
from integrations.indigo_neo.adapter import Access, IndigoNeo
from tests.conftest import Sandbox

NAME = "indigo_neo"
PARIS = ZoneInfo("Europe/Paris")

Run = Callable[..., Any]


def reach(url: str, key: str) -> IndigoNeo:
    """Return an adapter of the server at an address."""
    return IndigoNeo(Access(url=url, key=SecretStr(key), development=True), zone=PARIS, connections=8)


@contextmanager
def sandboxed(sandbox: Sandbox, run: Run) -> Iterator[IndigoNeo]:
    """Yield an adapter of the sandbox."""
    found = reach(f"{sandbox.url}/{NAME}", sandbox.access.secrets[NAME]["key"])
    try:
        yield found
    finally:
        run(found.aclose())


def pages(adapter: IndigoNeo, run: Run, begin: str | None = None) -> list[Page]:
    """Return all pages from a cursor on."""
    found = [run(adapter.page(begin))]
    while found[-1].next_page is not None:
        found.append(run(adapter.page(found[-1].next_page)))
    return found


def ways(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    """Return the method and status of each request."""
    return [(request.method, request.status) for request in sandbox.control.requests(NAME)]
