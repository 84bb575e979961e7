"""A program to run as a child."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.embedded.account import Account


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, when it is ready (asked with its process id), and how to end it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # it holds the secrets
    folder: Path
    ready: Callable[[int], bool]
    account: Account | None = None
    nice: int = 0  # once all programs are ready, and at once after a restart; 19: it gets the processor last
    ready_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
