"""Who may send which jobs and read which documents, and how they prove it: each source signs with a key.

A signature is HMAC-SHA256 of the kind, the queue, the message's id, the time and the exact text of a job, or of the
argument of a request for a document. So a message that is altered, or sent again as something else, proves nothing. A
job that is sent again as it is does nothing: it is applied once. A document is made again under the same id, for who
knows that id, and only for some minutes.

Sources come from a TOML file, checked at start.
"""

import hashlib
import hmac
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, StringConstraints, ValidationError

from schemas.base import SourceName
from schemas.jobs import DOCUMENTS, QUEUES, ImportPermits, Job, ResidentJob
from schemas.receipts import RefusalCode as Code
from worker.domain.refusal import JobRefusedError

VERSION = "v1"
KEY_LENGTH = 32  # characters, at least
WAITS = timedelta(days=7)  # a job may wait so long on its queue; far shorter than job ids are kept
DOCUMENT_WAITS = timedelta(minutes=10)  # who asks for a document waits for it, and signs again each time they ask
AHEAD = timedelta(minutes=5)  # a clock may be so far ahead of the hub's

_SIGNATURE = re.compile(rf"{VERSION} ([a-z][a-z0-9_.-]{{0,63}}) ([0-9a-f]{{16}}) ([0-9]{{1,14}}) ([0-9a-f]{{64}})")
"""Version, source, key id, milliseconds since 1970, and the HMAC."""
_QUEUES = {**QUEUES, **DOCUMENTS}
_KEY_ID = b"permit-hub: key id"


class SourcesError(Exception):
    """The sources cannot be read: what is wrong, and which entry; never a key."""


def _known(kind: str) -> str:
    if kind not in _QUEUES:
        raise ValueError("unknown kind of job or document")
    return kind


_Beginning = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: Annotated[tuple[Path, ...], Field(min_length=1)]  # files, seen from the folder of this one
    kinds: Annotated[frozenset[Annotated[str, AfterValidator(_known)]], Field(min_length=1)]
    residents: Annotated[tuple[_Beginning, ...], Field(min_length=1)] = ("",)  # what the ids begin with


class _File(RootModel[dict[SourceName, _Entry]]):
    pass


@dataclass(frozen=True, slots=True)
class Source:
    """One sender: its keys by their ids, the jobs and documents it may ask for, the residents it may speak for."""

    name: str
    keys: Mapping[str, bytes] = field(repr=False)
    kinds: frozenset[str]
    residents: tuple[str, ...]

    def check(self, job: Job, task_id: UUID) -> None:
        """Check that this source may send a job about these residents, in a message of this id.

        Raises:
            JobRefusedError: SIGNATURE_INVALID, the job has another source or id; RESIDENT_NOT_ALLOWED.
        """
        if job.job_id != task_id:  # else a job could take the id of another's
            raise JobRefusedError(Code.SIGNATURE_INVALID, "job_id")
        if job.source != self.name:
            raise JobRefusedError(Code.SIGNATURE_INVALID, "source")
        for resident_id in _residents(job):
            self.check_resident(resident_id)

    def check_resident(self, resident_id: str) -> None:
        """Check that this source may speak for a resident.

        Raises:
            JobRefusedError: RESIDENT_NOT_ALLOWED.
        """
        if not resident_id.startswith(self.residents):
            raise JobRefusedError(Code.RESIDENT_NOT_ALLOWED, "resident_id")


@dataclass(frozen=True, slots=True)
class Sources:
    """All who may send jobs or ask for documents, by name."""

    known: Mapping[str, Source]

    def signer(self, kind: str, task_id: UUID, text: str, signature: str | None, now: datetime) -> Source:
        """Return who signed a message, if they may send this kind of job or ask for this document.

        Raises:
            JobRefusedError: no signature, or one that does not prove it; the code says which.
        """
        if signature is None:
            raise JobRefusedError(Code.SIGNATURE_MISSING, "signature")
        read = _SIGNATURE.fullmatch(signature)
        if read is None:
            raise JobRefusedError(Code.SIGNATURE_INVALID, "signature")
        name, key_id, milliseconds, given = read.groups()
        source = self.known.get(name)
        if source is None:
            raise JobRefusedError(Code.UNKNOWN_SOURCE, "source")
        key = source.keys.get(key_id)
        if key is None:
            raise JobRefusedError(Code.UNKNOWN_KEY, "signature")
        if not hmac.compare_digest(given, _mac(key, name, kind, task_id, milliseconds, text)):
            raise JobRefusedError(Code.SIGNATURE_INVALID, "signature")
        signed_at = datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
        if not now - (DOCUMENT_WAITS if kind in DOCUMENTS else WAITS) <= signed_at <= now + AHEAD:
            raise JobRefusedError(Code.SIGNATURE_EXPIRED, "signature")
        if kind not in source.kinds:
            raise JobRefusedError(Code.KIND_NOT_ALLOWED, "source")
        return source


def sign(key: bytes, source: str, kind: str, task_id: UUID, text: str, now: datetime) -> str:
    """Return the signature of a job, or of a request for a document."""
    milliseconds = str(round(now.timestamp() * 1000))
    return f"{VERSION} {source} {key_id(key)} {milliseconds} {_mac(key, source, kind, task_id, milliseconds, text)}"


def key_id(key: bytes) -> str:
    """Return the name of a key, which does not give it away: 16 hexadecimal digits."""
    return hmac.digest(key, _KEY_ID, hashlib.sha256).hex()[:16]


def load(path: Path) -> Sources:
    """Read and check a sources file, and the files of the keys.

    Raises:
        SourcesError: a file is missing or is no TOML, an entry is missing or unknown, a key is short or used twice.
    """
    try:
        entries = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).root
    except OSError as error:
        raise SourcesError(str(error.strerror)) from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SourcesError(faults) from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise SourcesError(str(error)) from None
    found = {name: _source(name, entry, path.parent) for name, entry in entries.items()}
    names = [one for source in found.values() for one in source.keys]
    if len(names) != len(set(names)):
        raise SourcesError("a key is used twice: each source needs its own")
    return Sources(found)


def _source(name: str, entry: _Entry, folder: Path) -> Source:
    keys = [_key(name, folder / file) for file in entry.keys]
    return Source(name, {key_id(key): key for key in keys}, entry.kinds, entry.residents)


def _key(name: str, file: Path) -> bytes:
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise SourcesError(f"{name}.keys: {file.name}: {error.strerror}") from None
    if len(key) < KEY_LENGTH:
        raise SourcesError(f"{name}.keys: {file.name}: shorter than {KEY_LENGTH} characters")
    return key


def _residents(job: Job) -> Iterator[str]:
    """Yield the residents of a job; who stops reminders proves to be one of them by the message's token."""
    if isinstance(job, ResidentJob):
        yield job.resident_id
    elif isinstance(job, ImportPermits):
        yield from (row.resident_id for row in job.permits)


def _mac(key: bytes, source: str, kind: str, task_id: UUID, milliseconds: str, text: str) -> str:
    said = "\n".join([VERSION, source, kind, _QUEUES[kind], str(task_id), milliseconds, text])
    return hmac.digest(key, said.encode(errors="surrogatepass"), hashlib.sha256).hex()
