"""Shared by the tests of Flowbird: an adapter of its sandbox, and permits in each side's format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.base import Change
from integrations.errors import ProviderError
from integrations.flowbird.adapter import Access, Flowbird
from integrations.sandbox.control import Request
from integrations.sandbox.records import Record
from schemas.shared import Copy, SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.scripted import KEY

NAME = "flowbird"
PARIS = ZoneInfo("Europe/Paris")
BATCH = "/hub/v1/rights/batch"
NINE_ZONES = tuple(f"7500{number}" for number in range(9))  # one too many: the whole batch is refused

Run = Callable[..., Any]
Ended = tuple[type[ProviderError], str, int | None] | None


def reach(url: str, certificate: Path, *, authority: Path | None = None, secret: str = KEY) -> Flowbird:
    """Return an adapter of the server at an address."""
    access = Access(
        url=url,
        client_id=SecretStr("a-client"),
        client_secret=SecretStr(secret),
        certificate=certificate,
        authority=authority,
        development=True,
    )
    return Flowbird(access, zone=PARIS, connections=8)


def access(sandbox: Sandbox, **other: object) -> Access:
    """Return the settings for the sandbox, some of them changed."""
    secrets = {name: SecretStr(value) for name, value in sandbox.access.secrets[NAME].items()}
    given: dict[str, Any] = {
        "url": f"{sandbox.tls_url}/{NAME}",
        "authority": sandbox.access.authority,
        "certificate": sandbox.access.client,
        "development": True,
        **secrets,
        **other,
    }
    return Access(**given)


@contextmanager
def sandboxed(sandbox: Sandbox, run: Run, **other: object) -> Iterator[Flowbird]:
    """Yield an adapter of the sandbox."""
    found = Flowbird(access(sandbox, **other), zone=PARIS, connections=8)
    try:
        yield found
    finally:
        run(found.aclose())


def put(permit: SharedPermit, version: int = 1) -> Change:
    return Change(permit.reference, version, permit)


def remove(reference: UUID, version: int = 2) -> Change:
    return Change(reference, version, None)


def many(permit: SharedPermit, count: int) -> list[SharedPermit]:
    """Return so many permits, each with its own reference and plate."""
    return [
        SharedPermit(uuid4(), f"ZZ{number}", None, permit.zones, permit.profile, permit.validity)
        for number in range(count)
    ]


def record(permit: SharedPermit) -> Record:
    """Return the record that the sandbox is to hold."""
    assert permit.plate is not None
    assert permit.zones is not None
    assert permit.validity is not None
    days = permit.validity.first_day, permit.validity.last_day
    return Record(permit.plate, None, permit.zones, permit.profile, *days)


def records(*permits: SharedPermit) -> dict[UUID, Record]:
    return {permit.reference: record(permit) for permit in permits}


def copy(permit: SharedPermit) -> Copy:
    """Return the copy that the adapter is to list."""
    validity: Validity | None = permit.validity
    return Copy(permit.reference, permit.plate, None, permit.zones, permit.profile, validity)


def ended(error: ProviderError | None) -> Ended:
    return None if error is None else (type(error), error.code, error.status)


def batches(sandbox: Sandbox) -> list[Request]:
    """Return the batches that were sent."""
    return [request for request in sandbox.control.requests(NAME) if request.path == BATCH]
