"""The messages on disk: a Maildir, in which each message is complete."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from mailbox import Maildir
from pathlib import Path

DELIVERED_TO, RETURN_PATH = "Delivered-To", "Return-Path"  # written above each message, in this order
_ARRIVAL = re.compile(r"(\d+)\.M(\d+)P\d+Q(\d+)\.", re.ASCII)  # in the name that the Maildir gives a message
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Stored:
    """A message's place in the store; the number of the first is 1."""

    number: int
    arrived_at: datetime
    key: str


class Store:
    """The messages below a folder; none is ever removed."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open the folder, or make it.

        Raises:
            mailbox.NoSuchMailboxError: it is missing, and `create` is not set.
        """
        self._maildir = Maildir(folder, create=create)
        self._new = folder / "new"

    def keep(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Write a message with its envelope above it; it survives a crash once this returns."""
        envelope = [(DELIVERED_TO, recipient) for recipient in recipients] + [(RETURN_PATH, f"<{sender}>")]
        written = b"".join(f"{name}: ".encode() + _plain(address) + b"\r\n" for name, address in envelope)
        self._maildir.add(written + content)
        descriptor = os.open(self._new, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # the Maildir syncs the file, not the folder that names it
        finally:
            os.close(descriptor)

    def list(self) -> list[Stored]:
        """Return all messages in the order of their arrival."""
        arrivals = sorted((_arrival(key), key) for key in self._maildir.iterkeys())
        return [
            Stored(number, datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), key)
            for number, ((seconds, micros, _), key) in enumerate(arrivals, start=1)
        ]

    def read(self, message: Stored, size: int = -1) -> bytes:
        """Return a message with its envelope above it, or only its first `size` bytes.

        Raises:
            KeyError: it is gone, as after a fresh start of the stack.
        """
        with self._maildir.get_file(message.key) as file:
            found: bytes = file.read(size)
        return found


def _plain(address: str) -> bytes:
    """Return an address on one line: a client may send any bytes as an address."""
    return _CONTROL.sub(b"?", address.encode(errors="surrogateescape"))


def _arrival(key: str) -> tuple[int, int, int]:
    found = _ARRIVAL.match(key)
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)  # the mailbox did not write it
