"""A provider in memory: an adapter without a network, with planned faults."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID, uuid4

from integrations.base import Capabilities, Change, LegalBasis, Operation, Page, needed
from integrations.errors import LostError, ProviderError, RejectedError, StaleError
from schemas.shared import Copy, SharedField

Held = Mapping[SharedField, object]
CONSENTED = Capabilities(fields=frozenset(SharedField), legal_basis=LegalBasis.CONSENT, lists=True)
PAGE = 100


class Applied(StrEnum):
    """Whether and when a request with a fault is applied."""

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
    """One change as it was sent; a removal puts nothing. The repr leaves out what was put."""

    reference: UUID
    version: int
    put: Held | None = field(repr=False)


class InMemory:
    """A provider in memory; `held` has its copies, `calls` the changes it was sent.

    It follows its capabilities: several changes at once, lists, fencing, later acknowledgement.
    """

    def __init__(self, name: str = "memory", capabilities: Capabilities = CONSENTED) -> None:
        """Start empty."""
        self.name = name
        self.capabilities = capabilities
        self.store: str | None = None  # the store to name, if any
        self.held: dict[UUID, Held] = {}
        self.calls: list[Call] = []
        self.operations: dict[Operation, Call | None] = {}  # None: carried out
        self.carries_out = True  # operations, when asked about them
        self._versions: dict[UUID, int] = {}
        self._faults: deque[Fault] = deque()
        self._late: deque[Call] = deque()

    def fail(self, fault: Fault, *, count: int = 1) -> None:
        """Fail further requests, after the faults already planned."""
        self._faults.extend([fault] * count)

    def behave(self) -> None:
        """Drop the planned faults."""
        self._faults.clear()

    def apply_late(self) -> None:
        """Apply the late requests, in the order of their arrival."""
        while self._late:
            self._apply(self._late.popleft())

    async def send(self, change: Change) -> Operation | None:
        """Hold exactly the declared fields, or nothing."""
        call = self._call(change)
        known = self._versions.get(change.reference, 0)
        if self.capabilities.fences and change.version < known:
            raise StaleError(self.name, known, status=409)
        operation = Operation(str(uuid4())) if self.capabilities.acknowledges_later else None
        await self._answer([call], operation)
        return operation

    async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
        """Hold all complete permits; the request as a whole may fail."""
        calls: list[Call] = []
        ended: list[ProviderError | None] = []
        for change in changes:
            try:
                calls.append(self._call(change))
                ended.append(None)
            except RejectedError as error:
                ended.append(error)
        if calls:
            await self._answer(calls, None)
        return ended

    async def ask(self, operation: Operation) -> bool:
        """Carry out an operation, unless operations are to wait."""
        await self._answer([], None)
        if operation not in self.operations:
            raise LostError(self.name, status=404)
        if not self.carries_out:
            return False
        if call := self.operations[operation]:
            self._apply(call)
            self.operations[operation] = None
        return True

    async def page(self, cursor: str | None) -> Page:
        """List the copies by reference."""
        await self._answer([], None)
        after = UUID(cursor) if cursor else UUID(int=0)
        references = sorted(reference for reference in self.held if reference > after)
        copies = [
            Copy(reference, **{name.value: value for name, value in self.held[reference].items()})  # type: ignore[arg-type]
            for reference in references[:PAGE]
        ]
        return Page(copies, str(copies[-1].reference) if len(references) > PAGE else None)

    async def aclose(self) -> None:
        """Do nothing."""

    def _call(self, change: Change) -> Call:
        if change.permit is None:
            return Call(change.reference, change.version, None)
        values = {name: needed(self.name, getattr(change.permit, name)) for name in sorted(self.capabilities.fields)}
        return Call(change.reference, change.version, values)

    async def _answer(self, calls: Sequence[Call], operation: Operation | None) -> None:
        self.calls += calls
        fault = self._faults.popleft() if self._faults else None
        if fault is None and operation is not None:
            self.operations.update((operation, call) for call in calls)
        elif fault is None or fault.applied is Applied.BEFORE:
            for call in calls:
                self._apply(call)
        elif fault.applied is Applied.LATER:
            self._late.extend(calls)
        await asyncio.sleep(0)  # let other tasks run, as during a real request
        if fault is None:
            return
        if fault.error is None:
            await asyncio.Event().wait()  # until the caller's deadline
        else:
            raise fault.error

    def _apply(self, call: Call) -> None:
        known = self._versions.get(call.reference, 0)
        if self.capabilities.fences and call.version < known:
            return
        self._versions[call.reference] = max(known, call.version)
        if call.put is None:
            self.held.pop(call.reference, None)
        else:
            self.held[call.reference] = call.put
