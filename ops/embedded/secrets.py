"""The embedded stack's own secrets, made once and kept in its data folder."""

import hmac
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from integrations.private_files import new_secret, write_private
from ops.embedded.folders import UnusableFolderError


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets that only the stack's own processes may know."""

    hash_key: str = field(repr=False)  # it must never change, since the keys of rows depend on it
    redis_secret: str = field(repr=False)  # the passwords of Redis' users are made of it
    postgres_secret: str = field(repr=False)  # … and of PostgreSQL's roles
    sources_secret: str = field(repr=False)  # … and the keys of those who send jobs
    session_secret: str = field(repr=False)  # signs who is signed in to the residents' web app
    client_secret: str = field(repr=False)  # the web app proves to MonParis who it is
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
    found = Secrets(**{one.name: known.get(one.name) or new_secret() for one in fields(Secrets)})
    if asdict(found) != known:
        write_private(file, json.dumps(asdict(found)).encode())
    return found


def password(secret: str, name: str) -> str:
    """Return the password of a server's user, made of the server's secret."""
    return hmac.digest(secret.encode(), name.encode(), "sha256").hex()
