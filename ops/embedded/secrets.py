"""The embedded stack's own secrets, made once and kept in its data folder."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only the stack's own processes may know."""

    hash_key: str = field(repr=False)
    redis_password: str = field(repr=False)


def load_or_make(data: Path) -> Secrets:
    """Read the secrets; make and keep those that are missing. The hash key must never change: it keys the rows."""
    file = data / "secrets.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    found = Secrets(
        hash_key=known.get("hash_key") or secrets.token_hex(32),
        redis_password=known.get("redis_password") or secrets.token_hex(24),
    )
    wanted = {"hash_key": found.hash_key, "redis_password": found.redis_password}
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
