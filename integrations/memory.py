"""A provider in memory: the contract of every adapter without a network, told what to do wrong and when."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from integrations.base import Capabilities, LegalBasis, needed
from integrations.errors import ProviderError
from schemas.shared import SharedField, SharedPermit

Held = Mapping[SharedField, object]
EVERYTHING = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT)


class Applied(StrEnum):
    """What becomes of a request that is not answered as it should be."""

    NEVER = "never"
    BEFORE = "before"  # applied, then the answer is lost
    LATER = "later"  # applied when `apply_late` is called


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure: the error that the caller gets (None: no answer at all), and whether the request was applied."""

    error: ProviderError | None
    applied: Applied = Applied.NEVER


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was made; what was put is not shown. A removal puts nothing."""

    reference: UUID
    put: Held | None = field(repr=False)


class InMemory:
    """A provider that holds what it is told; `held` and `calls` say what that was."""

    def __init__(self, name: str = "memory", capabilities: Capabilities = EVERYTHING) -> None:
        """Start empty."""
        self.name = name
        self.capabilities = capabilities
        self.held: dict[UUID, Held] = {}
        self.calls: list[Call] = []
        self._faults: deque[Fault] = deque()
        self._late: deque[Call] = deque()

    def fail(self, fault: Fault, *, count: int = 1) -> None:
        """Fail the next requests, after those that were to fail already."""
        self._faults.extend([fault] * count)

    def apply_late(self) -> None:
        """Apply what was kept back, in the order in which it came."""
        while self._late:
            self._apply(self._late.popleft())

    async def put(self, permit: SharedPermit) -> None:
        """Hold exactly the fields that were declared."""
        values = {name: needed(self.name, getattr(permit, name)) for name in sorted(self.capabilities.fields)}
        await self._answer(Call(permit.reference, values))

    async def remove(self, reference: UUID) -> None:
        """Hold nothing under this reference."""
        await self._answer(Call(reference, None))

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def _answer(self, call: Call) -> None:
        self.calls.append(call)
        fault = self._faults.popleft() if self._faults else None
        if fault is None or fault.applied is Applied.BEFORE:
            self._apply(call)
        elif fault.applied is Applied.LATER:
            self._late.append(call)
        await asyncio.sleep(0)  # others run while a request is under way, as with a real provider
        if fault is None:
            return
        if fault.error is None:
            await asyncio.Event().wait()  # until the caller's deadline
        else:
            raise fault.error

    def _apply(self, call: Call) -> None:
        if call.put is None:
            self.held.pop(call.reference, None)
        else:
            self.held[call.reference] = call.put
