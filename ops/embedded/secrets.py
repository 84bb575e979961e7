"""The embedded stack's own secrets, made once and kept in its data folder."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ops.embedded.folders import UnusableFolderError


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only the stack's own processes may know."""

    hash_key: str = field(repr=False)  # it must never change: it keys the rows
    redis_password: str = field(repr=False)
    session_secret: str = field(repr=False)  # signs who is signed in to the residents' web app
    client_secret: str = field(repr=False)  # by which the web app shows MonParis that it is itself
    payment_secret: str = field(repr=False)  # signs what the web app and the payment service tell each other


def load_or_make(data: Path) -> Secrets:
    """Read the secrets; make and keep those that are missing.

    Raises:
        ops.embedded.folders.UnusableFolderError: their file is damaged.
    """
    file = data / "secrets.json"
    try:
        known = dict(json.loads(file.read_text())) if file.exists() else {}
    except (ValueError, TypeError):
        raise UnusableFolderError(f"{file} is damaged: remove {data} to start with a new one") from None
    found = Secrets(**{one.name: known.get(one.name) or secrets.token_hex(32) for one in fields(Secrets)})
    wanted = asdict(found)
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
