"""Shared by the tests of PayByPhone: an adapter of its sandbox, and permits in each side's format."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from integrations.base import Change, Operation
from integrations.paybyphone.adapter import Access, PayByPhone
from tests.conftest import Sandbox
from tests.support.waiting import PATIENCE_SECONDS

NAME = "paybyphone"

Run = Callable[..., Any]


def reach(url: str, secrets: Mapping[str, str]) -> PayByPhone:
    """Return an adapter of the server at an address."""
    shown = {name: SecretStr(secret) for name, secret in secrets.items()}
    return PayByPhone(Access(url=url, development=True, **shown), zone=ZoneInfo("Europe/Paris"), connections=8)  # type: ignore[arg-type]


@contextmanager
def sandboxed(sandbox: Sandbox, run: Run, **secrets: str) -> Iterator[PayByPhone]:
    """Yield an adapter of the sandbox, with some secrets changed."""
    found = reach(f"{sandbox.url}/{NAME}", {**sandbox.access.secrets[NAME], **secrets})
    try:
        yield found
    finally:
        run(found.aclose())


async def finish(adapter: PayByPhone, operation: Operation | None) -> None:
    """Ask about an operation until it has been carried out."""
    assert operation is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await adapter.ask(operation):  # noqa: ASYNC110 - they have no other way to tell
            await asyncio.sleep(0.002)


async def carry_out(adapter: PayByPhone, change: Change) -> None:
    """Send a change, and ask until it has been carried out."""
    await finish(adapter, await adapter.send(change))
