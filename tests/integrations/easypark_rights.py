"""Shared by the tests of EasyPark: an adapter of its sandbox, and permits in each side's format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.base import Change
from integrations.easypark.adapter import Access, EasyPark
from integrations.sandbox.records import Record
from schemas.shared import Copy, SharedPermit
from tests.conftest import Sandbox

NAME = "easypark"
PARIS = ZoneInfo("Europe/Paris")

Run = Callable[..., Any]


def reach(url: str, key: str) -> EasyPark:
    """Return an adapter of the server at an address."""
    return EasyPark(Access(url=url, key=SecretStr(key), development=True), zone=PARIS, connections=8)


@contextmanager
def sandboxed(sandbox: Sandbox, run: Run) -> Iterator[EasyPark]:
    """Yield an adapter of the sandbox."""
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
    """Return the record that the sandbox is to hold."""
    assert permit.plate is not None
    assert permit.zones is not None
    assert permit.validity is not None
    days = permit.validity.first_day, permit.validity.last_day
    return Record(permit.plate, permit.country, permit.zones, permit.profile, *days)


def copy(permit: SharedPermit) -> Copy:
    """Return the copy that the adapter is to list."""
    return Copy(permit.reference, permit.plate, permit.country, permit.zones, permit.profile, permit.validity)
