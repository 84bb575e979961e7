"""Each registered provider with its sandbox, and the one in memory, behind one interface for the conformance suite."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from integrations import registry
from integrations.base import Adapter, Capabilities, LegalBasis
from integrations.errors import (
    FailureCode,
    NotSentError,
    UnclearError,
)
from integrations.memory import Applied, Fault, InMemory
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.records import Record
from integrations.sandbox.server import find
from schemas.shared import Copy, SharedField, SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.contracts import Contract
from tests.support.waiting import eventually

PARIS = ZoneInfo("Europe/Paris")
CONNECTIONS = 32
LATE_MS = 30.0

EVERYTHING = frozenset(SharedField)
TWINS = {
    "memory": Capabilities(EVERYTHING, LegalBasis.CONSENT, lists=True),
    "memory_in_batches": Capabilities(EVERYTHING - {SharedField.COUNTRY}, LegalBasis.CONSENT, batch=5, fences=True),
    "memory_later": Capabilities(EVERYTHING, LegalBasis.PUBLIC_TASK, acknowledges_later=True),
}
SUITE = (*registry.ADAPTERS, *TWINS)
SERVERS = find()


def capabilities(provider: str) -> Capabilities:
    """Return what a provider of the suite can do."""
    return TWINS[provider] if provider in TWINS else registry.capabilities(provider)


def who(can: Callable[[Capabilities], object]) -> list[str]:
    """Return the providers of the suite that can do something."""
    return [provider for provider in SUITE if can(capabilities(provider))]


def in_sandbox(can: Callable[[Capabilities], object]) -> list[str]:
    """Return the registered providers that can do something."""
    return [provider for provider in who(can) if provider not in TWINS]


def whose_sandbox(can: Callable[[Any], object]) -> list[str]:
    """Return the registered providers whose sandbox is capable of something."""
    return [provider for provider in registry.ADAPTERS if can(SERVERS[provider])]


class Subject(Protocol):
    """One provider under test."""

    name: str
    adapter: Adapter
    secrets: list[str]
    in_contract: bool  # whether all that is sent must be what the contract allows

    def held(self) -> dict[UUID, Copy]:
        """Return what the provider holds under our references, every field of it."""

    def sent(self, reference: UUID | None = None) -> list[str]:
        """Return everything that left for the provider, or left about one reference, one text a request."""

    def misbehave(self, kind: Kind, *, delay_ms: float | None = None, method: str | None = None) -> None:
        """Go wrong at the next request, or at the next one of this method."""

    def behave(self) -> None:
        """Go wrong no more."""

    def pass_time(self) -> None:
        """Let all happen that was to happen late."""


class Remote:
    """A provider in the sandbox, which starts empty."""

    def __init__(self, name: str, sandbox: Sandbox) -> None:
        """Make the adapter from the environment."""
        self.name, self.control, self.in_contract = name, sandbox.control, True
        self.adapter = registry.adapter(name, registry.access(name), zone=PARIS, connections=CONNECTIONS)
        access = sandbox.environment
        self.url = access[f"PERMIT_HUB_{name.upper()}_URL"]
        self.secrets = [*sandbox.access.secrets[name].values(), self.url.partition("//")[2], str(sandbox.access.folder)]

    def held(self) -> dict[UUID, Copy]:
        return {reference: copy_of(reference, record) for reference, record in self.control.held(self.name).items()}

    def sent(self, reference: UUID | None = None) -> list[str]:
        return [
            json.dumps([request.method, request.path, request.headers, request.body])
            for request in self.control.requests(self.name, reference)
        ]

    def misbehave(self, kind: Kind, *, delay_ms: float | None = None, method: str | None = None) -> None:
        late = LATE_MS if delay_ms is None and kind in {Kind.LATE, Kind.SLOW, Kind.TRICKLE} else delay_ms
        self.control.misbehave(self.name, kind, count=1, delay_ms=late, method=method)

    def behave(self) -> None:
        self.control.behave(self.name)

    def pass_time(self) -> None:
        eventually(lambda: self.control.counts(self.name).late, equals=0)

    def check_contract(self) -> None:
        """Make sure that all that was sent is what the contract allows."""
        if self.in_contract:
            contract = Contract.of(self.name)
            for request in self.control.requests(self.name):
                contract.check(request)


class Local:
    """The provider in memory, with the capabilities of one of its names."""

    def __init__(self, name: str) -> None:
        """Start empty."""
        self.name, self.in_contract = name, True
        self._twin = InMemory(name, TWINS[name])
        self.adapter: Adapter = self._twin
        self.secrets: list[str] = []

    def held(self) -> dict[UUID, Copy]:
        return {reference: Copy(reference, **values) for reference, values in self._twin.held.items()}  # type: ignore[arg-type]

    def sent(self, reference: UUID | None = None) -> list[str]:
        return [f"{call.reference} {call.put}" for call in self._twin.calls if reference in {None, call.reference}]

    def misbehave(self, kind: Kind, *, delay_ms: float | None = None, method: str | None = None) -> None:
        if kind in FAULTS:
            self._twin.fail(FAULTS[kind])

    def behave(self) -> None:
        self._twin.behave()

    def pass_time(self) -> None:
        self._twin.apply_late()


def _not_sent(code: FailureCode) -> Fault:
    return Fault(NotSentError(IN_MEMORY, code))


def _unclear(code: FailureCode, applied: Applied) -> Fault:
    return Fault(UnclearError(IN_MEMORY, code), applied)


IN_MEMORY = "memory"
FAULTS = {
    Kind.DOWN: _unclear(FailureCode.UNAVAILABLE, Applied.NEVER),
    Kind.THROTTLED: _not_sent(FailureCode.THROTTLED),
    Kind.ERROR_BEFORE: _unclear(FailureCode.SERVER_ERROR, Applied.NEVER),
    Kind.ERROR_AFTER: _unclear(FailureCode.SERVER_ERROR, Applied.BEFORE),
    Kind.RESET_BEFORE: _unclear(FailureCode.CONNECTION_LOST, Applied.NEVER),
    Kind.RESET_AFTER: _unclear(FailureCode.CONNECTION_LOST, Applied.BEFORE),
    Kind.LATE: _unclear(FailureCode.TIMED_OUT, Applied.LATER),
    Kind.HTML: _unclear(FailureCode.ANSWER_UNREADABLE, Applied.NEVER),
    Kind.TRUNCATED: _unclear(FailureCode.ANSWER_UNREADABLE, Applied.BEFORE),
    Kind.LARGE: _unclear(FailureCode.ANSWER_TOO_LARGE, Applied.BEFORE),
    Kind.REDIRECT: _unclear(FailureCode.REDIRECTED, Applied.NEVER),
    Kind.HANG: Fault(None),
}
"""What each misbehaviour must look like from our side; the one in memory is told so, the others must show it."""

FAILING = [kind for kind, fault in FAULTS.items() if fault.error is not None]

CHANGES: dict[SharedField, Any] = {
    SharedField.PLATE: "WW123AA",
    SharedField.COUNTRY: "QY",
    SharedField.ZONES: ("75014_B",),
    SharedField.PROFILE: "zz_two_wheeler",
    SharedField.VALIDITY: Validity(date(2024, 3, 31), date(2025, 10, 27)),
}


def expected(subject: Subject, permit: SharedPermit) -> Copy:
    """Return what a provider is to hold of a permit: the fields that it declares, and no other."""
    values = {name.value: getattr(permit, name) for name in subject.adapter.capabilities.fields}
    return Copy(permit.reference, **values)


def declared(subject: Subject, copy: Copy) -> Copy:
    """Return a copy without the fields that the provider does not declare."""
    absent: dict[str, Any] = {name.value: None for name in set(SharedField) - subject.adapter.capabilities.fields}
    return replace(copy, **absent)


def copy_of(reference: UUID, record: Record) -> Copy:
    """Return what the sandbox holds in the words of what adapters list."""
    validity = Validity(record.first_day, record.last_day)
    return Copy(reference, record.plate, record.country, record.zones, record.profile, validity)


def changed(permit: SharedPermit, *names: SharedField) -> SharedPermit:
    """Return the permit with other values of some fields, or of all."""
    return replace(permit, **{name.value: CHANGES[name] for name in names or SharedField})


def without(permit: SharedPermit, *names: SharedField) -> SharedPermit:
    """Return the permit without some fields."""
    absent: dict[str, Any] = dict.fromkeys(names)
    return replace(permit, **absent)


def another(permit: SharedPermit, number: int = 0) -> SharedPermit:
    """Return the permit under another reference and with another plate."""
    return replace(permit, reference=uuid4(), plate=f"AA{number}BB")
