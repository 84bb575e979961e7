"""Hide secrets in the log of requests."""

import base64
import binascii
from collections.abc import Iterable, Mapping

A_TOKEN = "[a token]"  # noqa: S105 - no password


def header(name: str, value: str, secrets: Mapping[str, str]) -> str:
    """Return a header's value without secrets and tokens."""
    if name.lower() != "authorization":
        return text(value, secrets)
    scheme, _, shown = value.partition(" ")
    if scheme == "Basic":
        return f"{scheme} {_basic(shown, secrets)}"
    hidden = text(shown, secrets)
    return f"{scheme} {hidden if hidden != shown else A_TOKEN}"


def text(value: str, secrets: Mapping[str, str]) -> str:
    """Return a text without the secrets."""
    for name, secret in secrets.items():
        value = value.replace(secret, _placeholder(name))
    return value


def _basic(shown: str, secrets: Mapping[str, str]) -> str:
    """Return decoded Basic credentials with the secrets hidden; nothing if they cannot be decoded."""
    try:
        return text(base64.b64decode(shown, validate=True).decode(), secrets)
    except (binascii.Error, UnicodeDecodeError):
        return A_TOKEN


def _placeholder(name: str) -> str:
    return f"[the right {name}]"


def headers(sent: Iterable[tuple[str, str]], secrets: Mapping[str, str]) -> dict[str, str]:
    """Return all headers without secrets and tokens."""
    return {name: header(name, value, secrets) for name, value in sent}
