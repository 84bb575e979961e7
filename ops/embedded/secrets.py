"""The embedded stack's own secrets, made once and kept in its data folder."""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only the stack's own processes may know."""

    hash_key: str = field(repr=False)
    redis_password: str = field(repr=False)
    provider_keys: dict[str, str] = field(repr=False)


def load_or_make(data: Path, providers: Iterable[str]) -> Secrets:
    """Read the secrets; make and keep those that are missing. The hash key must never change: it keys the rows."""
    file = data / "secrets.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    keys = known.get("provider_keys", {})
    found = Secrets(
        hash_key=known.get("hash_key") or secrets.token_hex(32),
        redis_password=known.get("redis_password") or secrets.token_hex(24),
        provider_keys={name: keys.get(name) or secrets.token_hex(24) for name in providers},
    )
    wanted = {
        "hash_key": found.hash_key,
        "redis_password": found.redis_password,
        "provider_keys": keys | found.provider_keys,
    }
    if wanted != known:
        aside = file.with_suffix(".new")
        aside.unlink(missing_ok=True)
        aside.touch(mode=0o600)
        with aside.open("w") as stream:
            json.dump(wanted, stream)
            stream.flush()
            os.fsync(stream.fileno())
        aside.rename(file)
    return found
