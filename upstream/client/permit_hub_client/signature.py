"""The signature of a job: it proves to the hub which app sent it."""

import hashlib
import hmac
import time
from uuid import UUID

VERSION = "v1"
_KEY_ID = b"permit-hub: key id"


def sign(key: bytes, source: str, kind: str, queue: str, task_id: UUID, text: str) -> str:
    """Return the signature of a job that is sent now: version, source, key id, time in milliseconds, HMAC-SHA256."""
    milliseconds = str(time.time_ns() // 1_000_000)
    said = "\n".join([VERSION, source, kind, queue, str(task_id), milliseconds, text]).encode()
    key_id = hmac.digest(key, _KEY_ID, hashlib.sha256).hex()[:16]
    return f"{VERSION} {source} {key_id} {milliseconds} {hmac.digest(key, said, hashlib.sha256).hex()}"
