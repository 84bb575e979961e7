"""What the tests of Indigo Neo share: an adapter of its sandbox, and permits in the words of each side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.base import Change, Page
from integrations.indigo_neo.adapter import Access, IndigoNeo
from integrations.sandbox.records import Record
from schemas.shared import Copy, SharedPermit
from tests.conftest import Sandbox

NAME = "indigo_neo"
PARIS = ZoneInfo("Europe/Paris")

Run = Callable[..., Any]


def reach(url: str, key: str) -> IndigoNeo:
    """Return an adapter of the server at an address."""
    return IndigoNeo(Access(url=url, key=SecretStr(key), development=True), zone=PARIS, connections=8)


@contextmanager
def sandboxed(sandbox: Sandbox, run: Run) -> Iterator[IndigoNeo]:
    """Have an adapter of the sandbox."""
    found = reach(f"{sandbox.url}/{NAME}", sandbox.access.secrets[NAME]["key"])
    try:
        yield found
    finally:
        run(found.aclose())


def put(permit: SharedPermit, version: int = 1) -> Change:
    return Change(permit.reference, version, permit)


def remove(reference: UUID, version: int = 2) -> Change:
    return Change(reference, version, None)


def record(permit: SharedPermit) -> Record:
    """Return what the sandbox is to hold."""
    assert permit.plate is not None
    assert permit.zones is not None
    assert permit.validity is not None
    days = permit.validity.first_day, permit.validity.last_day
    return Record(permit.plate, permit.country, permit.zones, permit.profile, *days)


def copy(permit: SharedPermit) -> Copy:
    """Return what the adapter is to list."""
    return Copy(permit.reference, permit.plate, permit.country, permit.zones, permit.profile, permit.validity)


def pages(adapter: IndigoNeo, run: Run, begin: str | None = None) -> list[Page]:
    """Return all pages from one on."""
    found = [run(adapter.page(begin))]
    while found[-1].next_page is not None:
        found.append(run(adapter.page(found[-1].next_page)))
    return found


def ways(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    """Return how each request went."""
    return [(request.method, request.status) for request in sandbox.control.requests(NAME)]
