"""Each registered provider with its sandbox, and the one in memory, behind one interface for the conformance suite."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations import registry
from integrations.base import Adapter
from integrations.errors import FailureCode, NotSentError, UnclearError
from integrations.memory import Applied, Fault, InMemory
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedField, SharedPermit, Validity
from tests.conftest import Sandbox

PARIS = ZoneInfo("Europe/Paris")
IN_MEMORY = "memory"
SUITE = [*registry.ADAPTERS, IN_MEMORY]


class Subject(Protocol):
    """One provider under test."""

    adapter: Adapter
    secrets: list[str]

    def held(self) -> dict[UUID, dict[SharedField, object]]:
        """Return what the provider holds, in our words."""

    def sent(self) -> list[str]:
        """Return everything that left for the provider, one text a request."""

    def misbehave(self, kind: Kind) -> None:
        """Go wrong at the next request."""

    def apply_late(self) -> None:
        """Let time pass until what was applied late is applied."""


class Remote:
    """A provider in the sandbox."""

    def __init__(self, name: str, sandbox: Sandbox) -> None:
        self.adapter = registry.adapter(name, zone=PARIS, connections=32)
        self.secrets = [sandbox.keys[name], sandbox.url.removeprefix("http://")]
        self._name, self._control = name, sandbox.control

    def held(self) -> dict[UUID, dict[SharedField, object]]:
        return {
            reference: {
                SharedField.PLATE: record.plate,
                SharedField.ZONES: record.zones,
                SharedField.PROFILE: record.profile,
                SharedField.VALIDITY: Validity(record.first_day, record.last_day),
            }
            | ({} if record.country is None else {SharedField.COUNTRY: record.country})
            for reference, record in self._control.held(self._name).items()
        }

    def sent(self) -> list[str]:
        return [
            json.dumps([request.method, request.path, request.headers, request.body])
            for request in self._control.requests(self._name)
        ]

    def misbehave(self, kind: Kind) -> None:
        self._control.misbehave(self._name, kind, count=1, delay_ms=20 if kind in {Kind.LATE, Kind.SLOW} else None)

    def apply_late(self) -> None:
        def applied() -> bool:
            return any(request.applied_ms is not None for request in self._control.requests(self._name))

        wait_until(applied)


class Local:
    """The provider in memory."""

    def __init__(self) -> None:
        self._twin = InMemory()
        self.adapter: Adapter = self._twin
        self.secrets: list[str] = []

    def held(self) -> dict[UUID, dict[SharedField, object]]:
        return {reference: dict(values) for reference, values in self._twin.held.items()}

    def sent(self) -> list[str]:
        return [f"{call.reference} {call.put}" for call in self._twin.calls]

    def misbehave(self, kind: Kind) -> None:
        if kind is not Kind.SLOW:
            self._twin.fail(FAULTS[kind])

    def apply_late(self) -> None:
        self._twin.apply_late()


def _not_sent(code: FailureCode) -> Fault:
    return Fault(NotSentError(IN_MEMORY, code))


def _unclear(code: FailureCode, applied: Applied) -> Fault:
    return Fault(UnclearError(IN_MEMORY, code), applied)


FAULTS = {
    Kind.DOWN: _unclear(FailureCode.UNAVAILABLE, Applied.NEVER),
    Kind.THROTTLED: _not_sent(FailureCode.THROTTLED),
    Kind.ERROR_BEFORE: _unclear(FailureCode.SERVER_ERROR, Applied.NEVER),
    Kind.ERROR_AFTER: _unclear(FailureCode.SERVER_ERROR, Applied.BEFORE),
    Kind.RESET_BEFORE: _unclear(FailureCode.CONNECTION_LOST, Applied.NEVER),
    Kind.RESET_AFTER: _unclear(FailureCode.CONNECTION_LOST, Applied.BEFORE),
    Kind.LATE: _unclear(FailureCode.SERVER_ERROR, Applied.LATER),
    Kind.HTML: _unclear(FailureCode.ANSWER_UNREADABLE, Applied.NEVER),
    Kind.TRUNCATED: _unclear(FailureCode.ANSWER_UNREADABLE, Applied.BEFORE),
    Kind.LARGE: _unclear(FailureCode.ANSWER_TOO_LARGE, Applied.BEFORE),
    Kind.REDIRECT: _unclear(FailureCode.REDIRECTED, Applied.NEVER),
    Kind.HANG: Fault(None),
}
"""What each misbehaviour must look like from our side; the one in memory is told so, the others must show it."""


CHANGES: dict[SharedField, Any] = {
    SharedField.PLATE: "WW123AA",
    SharedField.COUNTRY: "QY",
    SharedField.ZONES: ("75014_B",),
    SharedField.PROFILE: "zz_two_wheeler",
    SharedField.VALIDITY: Validity(date(2024, 3, 31), date(2025, 10, 27)),
}


def declared(adapter: Adapter, permit: SharedPermit) -> dict[SharedField, object]:
    """Return what a provider is to hold of a permit."""
    return {name: getattr(permit, name) for name in adapter.capabilities.fields}


def changed(permit: SharedPermit, name: SharedField) -> SharedPermit:
    """Return the permit with another value of one field."""
    return replace(permit, **{name.value: CHANGES[name]})


def without(permit: SharedPermit, *names: SharedField) -> SharedPermit:
    """Return the permit without some fields."""
    absent: dict[str, Any] = dict.fromkeys(names)
    return replace(permit, **absent)


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, looking every few milliseconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)
