"""Personal data and secrets, looked for in everything that the hub's processes wrote and show."""

import urllib.request
from base64 import b64encode
from collections.abc import Iterator

from ops.embedded.servers import Servers
from tests.faults.harness import Stack
from tests.faults.people import MARK

MEANT_FOR_IT = ("space:", "export:", "unacked")  # the resident's own screen and export, and jobs on their way


def nothing_personal_shows(stack: Stack, servers: Servers) -> None:
    """Hold that no log, no key of Redis but those meant for it, and no page of Flower tells of a person or a secret."""
    secrets = {value for name, value in stack.environment.items() if name.startswith("PERMIT_HUB_") and "_KEY" in name}
    secrets.add(stack.valkey.url.split(":")[2].split("@")[0])
    wanted = [text.encode() for text in secrets] + _disguises(MARK)
    seen = {**_logs(stack, servers), **dict(_redis(stack)), **_flower(stack)}
    found = [name for name, text in seen.items() if any(word in text.lower() for word in wanted)]
    assert found == []


def _disguises(word: str) -> list[bytes]:
    """Return a word as it is and as it shows in base64, in lower case as what is searched is."""
    plain = [word.encode(), word.upper().encode(), word.title().encode()]
    coded = [
        b64encode(b" " * shift + text).rstrip(b"=")[shift + 1 if shift else 0 : -1]
        for text in plain
        for shift in range(3)
    ]
    return [text.lower() for text in (*plain, *coded)]


def _logs(stack: Stack, servers: Servers) -> dict[str, bytes]:
    files = [*stack.folder.glob("*.log"), *servers.logs.glob("*.log")]
    assert len(files) >= len(["postgres", "valkey", "sandbox", "beat", "flower"]) + 7  # and seven workers
    return {file.name: file.read_bytes() for file in files}


def _redis(stack: Stack) -> Iterator[tuple[str, bytes]]:
    meant = tuple(f"{stack.prefix}{name}".encode() for name in MEANT_FOR_IT)
    for key in stack.redis.scan_iter("*"):
        kind = stack.redis.type(key)
        if key.startswith(meant) or kind == b"list":  # lists are the queues
            continue
        read = {
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
