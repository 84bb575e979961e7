"""Search for personal data and secrets in all that the hub's processes wrote and show."""

import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from ops.embedded.servers import Servers
from ops.embedded.valkey import USERS
from tests.faults.harness import Stack
from tests.faults.people import MARK

MEANT_FOR_IT = ("space:", "export:", "taken")  # the resident's own space and export, and jobs on their way


def nothing_personal_shows(stack: Stack, servers: Servers) -> None:
    """Check that no log, page of Flower or key of Redis (but those meant for it) shows personal data or a secret."""
    seen = {**_logs(stack, servers), **dict(_redis(stack)), **_flower(stack)}
    assert [name for name, text in seen.items() if tells(stack, text)] == []


def tells(stack: Stack, text: bytes) -> bool:
    """Return whether a text shows personal data or a secret, plain or in base64."""
    secrets = {value for name, value in stack.environment.items() if name.startswith("PERMIT_HUB_") and "_KEY" in name}
    secrets |= {str(urlsplit(stack.valkey.url_of(name)).password) for name in USERS}
    lower = text.lower()
    return any(word in lower for word in (*(secret.lower().encode() for secret in secrets), *DISGUISES))


def _disguises(word: str) -> frozenset[bytes]:
    """Return a word and its spellings in base64, all in lower case, as the searched text is."""
    spelt = [word.encode(), word.upper().encode(), word.title().encode()]
    # Its position in a group of three bytes decides its spelling; the ends depend on the bytes around it.
    coded = [
        b64encode(b" " * shift + text).rstrip(b"=")[shift + (shift > 0) : -1] for text in spelt for shift in (0, 1, 2)
    ]
    return frozenset(text.lower() for text in (spelt[0], *coded))


DISGUISES = _disguises(MARK)


def _logs(stack: Stack, servers: Servers) -> dict[str, bytes]:
    files = [*stack.folder.glob("*.log"), *servers.logs.glob("*.log")]
    assert len(files) >= len(["postgres", "valkey", "sandbox", "beat", "flower"]) + 9  # and nine workers
    return {file.name: file.read_bytes() for file in files}


def _redis(stack: Stack) -> Iterator[tuple[str, bytes]]:
    meant = tuple(f"{stack.prefix}{name}".encode() for name in MEANT_FOR_IT)
    for key in stack.redis.scan_iter("*"):
        kind = stack.redis.type(key)
        if key.startswith(meant) or kind == b"list":  # lists are the queues
            continue
        read: dict[bytes, Callable[[bytes], object]] = {
            b"string": stack.redis.get,
            b"hash": stack.redis.hgetall,
            b"set": stack.redis.smembers,
            b"zset": lambda key: stack.redis.zrange(key, 0, -1),
            b"stream": stack.redis.xrange,
        }
        yield key.decode(), repr(read[kind](key) if kind in read else b"").encode()


def _flower(stack: Stack) -> dict[str, bytes]:
    pages = ("/api/tasks?limit=5000", "/api/workers", "/tasks", "/workers")
    return {page: _read(f"http://127.0.0.1:{stack.flower_port}{page}") for page in pages}


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())
