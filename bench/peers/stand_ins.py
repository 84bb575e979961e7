"""The providers' stand-ins, a process each, so that none of them waits for another."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import environ
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from bench.processes import cpu_seconds
from integrations.sandbox import server
from integrations.sandbox.access import load_or_make
from integrations.sandbox.control import Control, Counts, Request
from integrations.sandbox.misbehaviour import Kind
from ops.embedded.children.supervise import Supervisor
from ops.embedded.sandboxes import Sandboxes
from ops.embedded.servers import free_port
from ops.shown.space import APPS


class Controls(Control):
    """The controls of several sandboxes, each of which stands in for one provider."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        """Prepare without connecting; the addresses are by provider."""
        self._controls = {provider: Control(url) for provider, url in urls.items()}

    def counts(self, provider: str) -> Counts:
        """Return a provider's counts."""
        return self._controls[provider].counts(provider)

    def requests(self, provider: str, reference: UUID | None = None, *, after: int = 0) -> list[Request]:
        """Return a provider's latest requests."""
        return self._controls[provider].requests(provider, reference, after=after)

    def each(self) -> Iterable[tuple[str, Control]]:
        """Return each provider with its control."""
        return self._controls.items()

    def close(self) -> None:
        """Close all connections."""
        for control in self._controls.values():
            control.close()


@dataclass(frozen=True, slots=True)
class Received:
    """What the stand-ins have received and applied until a moment, and the processor time that they have used."""

    at: float  # seconds of the monotonic clock
    requests: int
    changes: int
    cpu_seconds: float


class StandIns:
    """Four stand-ins, while the context lasts; `environment` has the settings that lead a hub or a peer to them."""

    def __init__(self, folder: Path) -> None:
        """Set the folder for secrets, certificates and logs."""
        self._folder = folder

    def __enter__(self) -> Self:
        access = load_or_make(self._folder / "access", server.find())
        each = {provider: Sandboxes(access, free_port(), free_port()) for provider in APPS}
        self.environment = {
            name: value
            for provider, sandboxes in each.items()
            for name, value in sandboxes.environment.items()
            if name.startswith(f"PERMIT_HUB_{provider.upper()}_")
        }
        self.control = Controls({provider: sandboxes.url for provider, sandboxes in each.items()})
        logs = self._folder / "log"
        logs.mkdir()
        self._supervisor = Supervisor(logs)
        programs = (replace(sandboxes.program(environ), name=provider) for provider, sandboxes in each.items())
        try:
            self._supervisor.start(*programs)
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self._supervisor.stop()

    def reset(self) -> None:
        """Drop what they hold, count and were told; tokens end too, so only before a contender starts."""
        for provider, control in self.control.each():
            control.reset(provider)

    def behave(self, *, latency_ms: float = 0.0, errors: float = 0.0) -> None:
        """Answer after so many milliseconds from now on, and a part of all requests with 500, without delay."""
        for provider, control in self.control.each():
            control.behave(provider)
            if errors:
                control.misbehave(provider, Kind.ERROR_BEFORE, rate=errors)
            if latency_ms:
                control.misbehave(provider, Kind.SLOW, delay_ms=latency_ms)

    def received(self) -> Received:
        """Return what they have received so far."""
        counts = [self.control.counts(provider) for provider in APPS]
        at, used = time.monotonic(), cpu_seconds(child.pid for child in self._supervisor.children)
        return Received(at, sum(one.received for one in counts), sum(one.applied for one in counts), used)
