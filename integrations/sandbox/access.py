"""The way into the sandboxes: secrets and certificates in a folder.

The folder holds a file for each secret, named as a container's secrets are, and four PEM files. None of them is a real
provider's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from integrations.private_files import kept_secret, make_folder
from integrations.sandbox.certificates import keep_certificates
from integrations.sandbox.provider import Provider

AUTHORITY, SERVER, EXPIRED, CLIENT = (f"sandbox_{name}.pem" for name in ("authority", "server", "expired", "client"))
HOSTS = ("localhost", "127.0.0.1", "sandbox")
NAME = "permit-hub"  # of the client in its certificate
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
    def server_certificate(self) -> Path:
        """Return the server's certificate and key."""
        return self.folder / SERVER

    @property
    def expired_certificate(self) -> Path:
        """Return an expired server certificate and its key."""
        return self.folder / EXPIRED

    @property
    def client_certificate(self) -> Path:
        """Return the client's certificate and key."""
        return self.folder / CLIENT

    def environment(self, url: str, tls_url: str) -> dict[str, str]:
        """Return all settings of a hub for the sandboxes at these two addresses."""
        found = {"PERMIT_HUB_DEVELOPMENT": "true"}
        for name, server in self.servers.items():
            wanted = {"url": f"{tls_url if server.tls else url}/{name}", **server.settings, **self.secrets[name]}
            if server.tls:
                wanted |= {"authority": str(self.authority), "certificate": str(self.client_certificate)}
            found |= {_variable(name, setting): value for setting, value in wanted.items()}
        return found


def load_or_make(folder: Path, servers: Mapping[str, type[Provider]]) -> Access:
    """Read the secrets and certificates of a folder; invent and keep those that are missing."""
    folder = make_folder(folder)
    keep_certificates(
        folder,
        "permit-hub sandbox",
        AUTHORITY,
        {
            SERVER: lambda authority: authority.issue_cert(*HOSTS),
            EXPIRED: lambda authority: authority.issue_cert(*HOSTS, not_before=FROM, not_after=UNTIL),
            # With an alternative name, too: without one, Python refuses it from 3.13 on.
            CLIENT: lambda authority: authority.issue_cert(NAME, common_name=NAME),
        },
    )
    kept = {
        name: {setting: kept_secret(folder / _variable(name, setting).lower()) for setting in server.secrets}
        for name, server in servers.items()
    }
    return Access(folder, servers, kept)


def _variable(provider: str, setting: str) -> str:
    return f"PERMIT_HUB_{provider.upper()}_{setting.upper()}"
