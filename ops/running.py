"""What a running stack tells the commands that are typed in another terminal."""

import fcntl
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Running:
    """A running stack's process, where it is reached, and the variables that its clients need."""

    pid: int
    addresses: dict[str, str] = field(repr=False)
    environment: dict[str, str] = field(repr=False)


def announce(data: Path, *, pid: int, addresses: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Write down that the stack runs and where its broker is, readable by its own user only."""
    _keep(broker_file(data), environment["PERMIT_HUB_REDIS_URL"] + "\n")
    _keep(_file(data), json.dumps({"pid": pid, "addresses": dict(addresses), "environment": dict(environment)}))


def withdraw(data: Path) -> None:
    """Remove what `announce` wrote."""
    for file in (_file(data), broker_file(data)):
        file.unlink(missing_ok=True)


def broker_file(data: Path) -> Path:
    """Return the file that holds the broker's URL, password included, while the stack runs."""
    return data / "broker-url"


def find(data: Path) -> Running | None:
    """Return the stack that runs on a data folder, or None; what a killed one left behind does not count.

    Raises:
        OSError: this user may not look.
    """
    try:
        with (data / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        pass
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return Running(**json.loads(_file(data).read_text()))
    except (FileNotFoundError, json.JSONDecodeError):
        return None  # it is starting or stopping


def _keep(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)


def _file(data: Path) -> Path:
    return data / "running.json"
