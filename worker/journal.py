"""The journal of decisions: what residents decided about their data, kept outside of the database.

A restored backup has lost the last decisions. The journal gives them back: each is on its disk before its receipt goes
out. It carries jobs of two kinds, `consent.decide` and `resident.erase`: ids, choices and times, no name, plate or
address.
"""

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

_SUFFIX = ".jsonl"


class JournalError(Exception):
    """The journal cannot be written or read; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision that was carried out, and when it was written, with its job as JSON."""

    at: datetime
    kind: str
    job_id: UUID
    resident_id: str
    job: str
    where: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """A line that is no decision."""

    where: str


class Journal(Protocol):
    """Where decisions are kept outside of the database."""

    def append(self, kind: str, job: str) -> None:
        """Keep a decision, a job as JSON; it outlives any crash once this returns.

        Raises:
            JournalError: it is not known to be kept.
        """

    def read(self, since: datetime | None = None) -> Iterator[Entry | Damaged]:
        """Yield the decisions since a moment, or all; those of one process in their order.

        Raises:
            JournalError: it cannot be read.
        """


@dataclass(slots=True)
class FolderJournal:
    """A journal in a folder: each process appends to files of its own, one a day."""

    folder: Path
    _file: int | None = None  # file descriptor
    _day: str = ""

    def append(self, kind: str, job: str) -> None:
        """Append a line and have it written to the disk."""
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "kind": kind, "job": json.loads(job)}).encode()
        try:
            file = self._todays_file()
            _write_whole(file, line + b"\n")
            os.fdatasync(file)
            if not os.fstat(file).st_nlink:
                raise FileNotFoundError(errno.ENOENT, "its file was deleted")
        except OSError as error:
            self._close()  # a line may be cut off: nothing may follow it
            raise JournalError(f"{self.folder}: {error.strerror}") from None

    def read(self, since: datetime | None = None) -> Iterator[Entry | Damaged]:
        """Yield the lines of all files. The last line of a file may be cut off: it was never acknowledged."""
        try:
            for path in sorted(self.folder.iterdir()):
                if path.suffix != _SUFFIX or (since is not None and path.stat().st_mtime < since.timestamp()):
                    continue
                with path.open("rb") as file:
                    for number, line in enumerate(file, 1):
                        where = f"{path.name}, line {number}"
                        entry = _entry(line, where)
                        if not line.endswith(b"\n"):
                            break
                        if entry is None:
                            yield Damaged(where)
                        elif since is None or entry.at >= since:
                            yield entry
        except OSError as error:
            raise JournalError(f"{self.folder}: {error.strerror}") from None

    def _todays_file(self) -> int:
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        if self._file is None or self._day != day:
            self._close()
            self._file = os.open(
                self.folder / f"{day}-{uuid4().hex}{_SUFFIX}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600
            )
            self._day = day
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)  # so that the file's name outlives a crash, too
            finally:
                os.close(folder)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)


def _write_whole(file: int, line: bytes) -> None:
    while line:
        line = line[os.write(file, line) :]


def _entry(line: bytes, where: str) -> Entry | None:
    try:
        read = json.loads(line)
        job = read["job"]
        at = datetime.fromisoformat(read["at"])
        if at.tzinfo is None:
            return None
        return Entry(at, str(read["kind"]), UUID(job["job_id"]), str(job["resident_id"]), json.dumps(job), where)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
