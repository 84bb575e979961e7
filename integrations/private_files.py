"""Secrets that are invented once and kept in private files."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def make_folder(folder: Path) -> Path:
    """Make a folder for this user alone, unless it is there; return its absolute path."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_private(file: Path, content: bytes) -> None:
    """Write a file for this user alone, as a whole or not at all, also if the machine crashes."""
    aside = file.with_suffix(f"{file.suffix}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    aside.rename(file)


def new_secret() -> str:
    """Invent a secret."""
    return secrets.token_hex(SECRET_BYTES)


def kept_secret(file: Path) -> str:
    """Read a secret; invent and keep it if its file is missing."""
    if not file.exists():
        write_private(file, new_secret().encode())
    return file.read_text().strip()
