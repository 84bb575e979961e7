"""All data that Redis holds, in memory and in its folder."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import redis

from worker.hub import Hub

AT_ONCE = timedelta(0)
"""How long an erasure waits before the file is rewritten, in these tests."""


class Clear(Protocol):
    def __call__(self, of: Hub = ..., settle: timedelta = ...) -> None: ...


@dataclass(frozen=True)
class File:
    """Redis' append-only file, and all data that Redis holds."""

    client: redis.Redis
    folder: Path

    def holds(self, word: str) -> bool:
        """Return whether a word is anywhere in the folder."""
        for file in [one for one in self.folder.rglob("*") if one.is_file()]:
            try:
                if word.encode() in file.read_bytes():
                    return True
            except FileNotFoundError:  # a rewrite has just removed it
                return self.holds(word)
        return False

    def shown(self, words: Iterable[str]) -> list[str]:
        """Return which of these words the keys of Redis contain."""
        told = b"\n".join(self._value(key) for key in self.client.scan_iter("*", count=1_000))
        return [word for word in words if word.encode() in told]

    def _value(self, key: bytes) -> bytes:
        read: dict[bytes, Callable[[bytes], object]] = {
            b"string": self.client.get,
            b"hash": self.client.hgetall,
            b"set": self.client.smembers,
            b"list": lambda key: self.client.lrange(key, 0, -1),
            b"zset": lambda key: self.client.zrange(key, 0, -1),
            b"stream": self.client.xrange,
            b"none": lambda _: b"",  # it has just expired
        }
        kind = self.client.type(key)
        assert isinstance(kind, bytes)
        value = read[kind](key)
        return key + (value if isinstance(value, bytes) else repr(value).encode())
