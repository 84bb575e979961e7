"""The keys that hashes of personal data are made with: one, or two while the database goes from one to the next.

The database says by a fingerprint which key is its own; hashes are made with that one. A process that does not know it
does nothing. Until all hashes are made with the next key, one that any known key makes counts as the same.
"""

import hashlib
import hmac
from collections.abc import Callable

from pydantic import SecretStr

_LABEL = b"permit-hub: the fingerprint of the key that keys hashes"


class AnotherHashKeyError(Exception):
    """The database's hashes were made with another key than those that this process has."""

    def __init__(self) -> None:
        super().__init__("PERMIT_HUB_HASH_KEY is wrong: this database was written with another key")


def fingerprint(key: bytes) -> str:
    """Return what tells a key from another and does not give it away: 32 hexadecimal digits."""
    return hmac.digest(key, _LABEL, hashlib.sha256).hex()[:32]


class HashKeys:
    """The keys that a process knows, by fingerprint. Its own first one counts until the database has said which."""

    def __init__(self, *keys: bytes) -> None:
        self.known = {fingerprint(key): key for key in keys}
        self._current = next(iter(self.known))

    @classmethod
    def of(cls, secret: SecretStr) -> "HashKeys":
        """Read one key, or two with white space between them."""
        return cls(*(key.encode() for key in secret.get_secret_value().split()))

    def __repr__(self) -> str:
        return f"HashKeys({', '.join(self.known)})"

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the current key."""
        return self._current

    @property
    def current(self) -> bytes:
        """Return the key that hashes are made with."""
        return self.known[self._current]

    @property
    def first(self) -> bytes:
        """Return the first key, for what only processes with the same settings compare."""
        return next(iter(self.known.values()))

    @property
    def next(self) -> str | None:
        """Return the fingerprint of the key that is known beside the current one."""
        return next((one for one in self.known if one != self._current), None)

    def follow(self, said: str | None) -> None:
        """Take as current the key whose fingerprint the database says; None leaves it.

        Raises:
            AnotherHashKeyError: it is not known.
        """
        if said is None:
            return
        if said not in self.known:
            raise AnotherHashKeyError
        self._current = said

    def each(self, make: Callable[[bytes], bytes]) -> tuple[bytes, ...]:
        """Return what each known key makes, the current one first."""
        return tuple(make(self.known[one]) for one in sorted(self.known, key=lambda one: one != self._current))

    def like(self, stored: bytes | None, make: Callable[[bytes], bytes]) -> bytes:
        """Return the stored hash if any known key makes it, else what the current key makes."""
        made = make(self.current)
        return stored if stored is not None and stored != made and stored in self.each(make) else made
