"""The secrets and certificates for the sandboxes, generated once and kept in a folder.

The folder has one file for each secret, named like a container's secrets, and four PEM files. None is a provider's own.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import trustme

from integrations.sandbox.provider import Provider

AUTHORITY, SERVER, EXPIRED, CLIENT = (f"sandbox_{name}.pem" for name in ("authority", "server", "expired", "client"))
HOSTS = ("localhost", "127.0.0.1", "sandbox")
SECRET_BYTES = 24
FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)  # of the expired certificate


@dataclass(frozen=True, slots=True)
class Access:
    """The secrets and certificates for some providers' sandboxes."""

    folder: Path
    servers: Mapping[str, type[Provider]]
    secrets: Mapping[str, Mapping[str, str]] = field(repr=False)  # by provider, then by setting

    @property
    def authority(self) -> Path:
        """Return the certificate of the authority that signs the server's and the client's."""
        return self.folder / AUTHORITY

    @property
    def server(self) -> Path:
        """Return the server's certificate and key."""
        return self.folder / SERVER

    @property
    def expired(self) -> Path:
        """Return an expired server certificate and its key."""
        return self.folder / EXPIRED

    @property
    def client(self) -> Path:
        """Return the client's certificate and key."""
        return self.folder / CLIENT

    def environment(self, url: str, tls_url: str) -> dict[str, str]:
        """Return all settings of a hub for the sandboxes at these two addresses."""
        found = {"PERMIT_HUB_DEVELOPMENT": "true"}
        for name, server in self.servers.items():
            wanted = {"url": f"{tls_url if server.tls else url}/{name}", **server.settings, **self.secrets[name]}
            if server.tls:
                wanted |= {"authority": str(self.authority), "certificate": str(self.client)}
            found |= {_variable(name, setting): value for setting, value in wanted.items()}
        return found


def load_or_make(folder: Path, servers: Mapping[str, type[Provider]]) -> Access:
    """Read the folder; generate and store missing files, readable by this user only."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not all((folder / name).exists() for name in (AUTHORITY, SERVER, EXPIRED, CLIENT)):
        _make_certificates(folder)
    kept = {
        name: {setting: kept_secret(folder / _variable(name, setting).lower()) for setting in server.secrets}
        for name, server in servers.items()
    }
    return Access(folder, servers, kept)


def _variable(provider: str, setting: str) -> str:
    return f"PERMIT_HUB_{provider.upper()}_{setting.upper()}"


def kept_secret(file: Path) -> str:
    """Read a secret; generate and store it if it is missing."""
    if not file.exists():
        write_private(file, secrets.token_hex(SECRET_BYTES).encode())
    return file.read_text().strip()


def _make_certificates(folder: Path) -> None:
    """Make all certificates again, as the authority's key is not stored."""
    authority = trustme.CA(organization_name="permit-hub sandbox")
    write_private(folder / AUTHORITY, authority.cert_pem.bytes())
    write_private(folder / SERVER, authority.issue_cert(*HOSTS).private_key_and_cert_chain_pem.bytes())
    expired = authority.issue_cert(*HOSTS, not_before=FROM, not_after=UNTIL)
    write_private(folder / EXPIRED, expired.private_key_and_cert_chain_pem.bytes())
    write_private(
        folder / CLIENT, authority.issue_cert(common_name="permit-hub").private_key_and_cert_chain_pem.bytes()
    )


def write_private(file: Path, content: bytes) -> None:
    """Write a private file atomically."""
    aside = file.with_suffix(f"{file.suffix}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    aside.rename(file)
