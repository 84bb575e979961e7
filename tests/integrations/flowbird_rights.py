"""Shared by the tests of Flowbird: an adapter of its sandbox, and permits in each side's format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.errors import ProviderError
from integrations.flowbird.adapter import Access, Flowbird
from integrations.sandbox.control import Request
from integrations.sandbox.records import Record
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.rights import record
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
        "certificate": sandbox.access.client_certificate,
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


def many(permit: SharedPermit, count: int) -> list[SharedPermit]:
    """Return so many permits, each with its own reference and plate."""
    return [
        SharedPermit(uuid4(), f"ZZ{number}", None, permit.zones, permit.profile, permit.validity)
        for number in range(count)
    ]


def records(*permits: SharedPermit) -> dict[UUID, Record]:
    return {permit.reference: record(replace(permit, country=None)) for permit in permits}


def ended(error: ProviderError | None) -> Ended:
    return None if error is None else (type(error), error.code, error.status)


def batches(sandbox: Sandbox) -> list[Request]:
    """Return the batches that were sent."""
    return [request for request in sandbox.control.requests(NAME) if request.path == BATCH]
