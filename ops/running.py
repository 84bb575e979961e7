"""Files that say how to reach a running stack, for the commands in other terminals."""

import fcntl
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integrations.private_files import write_private


@dataclass(frozen=True, slots=True)
class Running:
    """A running stack: its process, its addresses, and the variables that its clients need."""

    pid: int
    addresses: dict[str, str] = field(repr=False)
    environment: dict[str, str] = field(repr=False)


def announce(
    data: Path,
    *,
    pid: int,
    addresses: Mapping[str, str],
    environment: Mapping[str, str],
    broker_url: str,
    broker_key: str,
) -> None:
    """Write the files, for this user alone; a web app reaches Redis by `broker_url`, and signs with `broker_key`."""
    write_private(broker_file(data), f"{broker_url}\n".encode())
    write_private(key_file(data), f"{broker_key}\n".encode())
    running = {"pid": pid, "addresses": dict(addresses), "environment": dict(environment)}
    write_private(_file(data), json.dumps(running).encode())


def withdraw(data: Path) -> None:
    """Remove the files."""
    for file in (_file(data), broker_file(data), key_file(data)):
        file.unlink(missing_ok=True)


def broker_file(data: Path) -> Path:
    """Return the file that holds the broker's URL for a web app, password included, while the stack runs."""
    return data / "broker-url"


def key_file(data: Path) -> Path:
    """Return the file that holds the key with which a web app signs, while the stack runs."""
    return data / "broker-key"


def find(data: Path) -> Running | None:
    """Return the stack that runs on a data folder, or None; the files of a killed stack do not count.

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


def _file(data: Path) -> Path:
    return data / "running.json"
