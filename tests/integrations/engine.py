"""Use an adapter like the engine does, as far as the conformance suite needs it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import cast
from uuid import UUID

from integrations.base import Acknowledging, Adapter, Batching, Change, Listing, Operation, Page
from integrations.errors import LostError, NotSentError, ProviderError, RejectedError, StaleError, UnclearError
from schemas.shared import Copy, SharedPermit
from tests.support.waiting import PATIENCE_SECONDS

ATTEMPTS = 60  # until a change is done: a storm spoils two requests of five, and one attempt may take several


class Hub:
    """Sends like the engine: each request about a reference has the next version."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.versions = Counter[UUID]()

    def change(self, reference: UUID, permit: SharedPermit | None) -> Change:
        """Return the next request about a reference."""
        self.versions[reference] += 1
        return Change(reference, self.versions[reference], permit)

    async def put(self, permit: SharedPermit) -> None:
        """Send a permit, once, and wait until the provider has carried it out."""
        await self.carry_out(self.change(permit.reference, permit))

    async def remove(self, reference: UUID) -> None:
        """Send a removal, once, and wait until the provider has carried it out."""
        await self.carry_out(self.change(reference, None))

    async def carry_out(self, change: Change) -> None:
        """Send a change; if the provider acknowledges later, ask until it is done."""
        await self.wait_for(await self.adapter.send(change))

    async def wait_for(self, operation: Operation | None) -> None:
        """Ask until an operation is done."""
        if operation is None:
            return
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._is_done(operation):  # noqa: ASYNC110 - one asks by asking
                await asyncio.sleep(0.002)

    async def _is_done(self, operation: Operation) -> bool:
        try:
            return await cast(Acknowledging, self.adapter).ask(operation)
        except (RejectedError, LostError):
            raise
        except ProviderError:  # a failed question leaves the outcome open
            return False

    async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
        """Send a batch."""
        return await cast(Batching, self.adapter).send_all(changes)

    async def converge(self, reference: UUID, permit: SharedPermit | None) -> list[ProviderError]:
        """Send a change until it is done, like the engine; return the errors on the way."""
        errors: list[ProviderError] = []
        for _ in range(ATTEMPTS):
            try:
                await self.carry_out(self.change(reference, permit))
            except StaleError as error:
                self.versions[reference] = error.version
                errors.append(error)
            except (NotSentError, UnclearError) as error:
                errors.append(error)
            else:
                return errors
        raise AssertionError(f"not done after {ATTEMPTS} attempts: {errors}")

    async def list_all(self) -> tuple[list[Copy], int]:
        """Read every page; return the copies and how many others there were."""
        pages = await self.pages()
        return [copy for page in pages for copy in page.copies], sum(page.foreign for page in pages)

    async def pages(self) -> list[Page]:
        """Read every page."""
        pages = [await cast(Listing, self.adapter).page(None)]
        while (cursor := pages[-1].next_page) is not None:
            pages.append(await cast(Listing, self.adapter).page(cursor))
        return pages
