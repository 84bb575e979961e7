"""What a hub needs to send through the mailbox: a password and a certificate, invented once and kept in a folder."""

from dataclasses import dataclass, field
from pathlib import Path

import trustme

from integrations.sandbox.access import kept_secret, write_private

AUTHORITY, SERVER = "mailbox_authority.pem", "mailbox_server.pem"
PASSWORD = "permit_hub_email_password"  # noqa: S105 (a file's name, as a container's secret has it)
HOSTS = ("localhost", "127.0.0.1", "mailpit")  # the last is what stands in its place in containers
USER = "permit-hub"
MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class Access:
    """The way into the mailbox whose files are in a folder."""

    folder: Path
    password: str = field(repr=False)

    @property
    def authority(self) -> Path:
        """Return the certificate of the authority that the server's is signed by."""
        return self.folder / AUTHORITY

    @property
    def server(self) -> Path:
        """Return the server's certificate and key."""
        return self.folder / SERVER

    @property
    def messages(self) -> Path:
        """Return where the messages are kept."""
        return self.folder / MESSAGES


def load_or_make(folder: Path) -> Access:
    """Read what the folder holds; invent and keep what is missing, for the eyes of this user alone."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not all((folder / name).exists() for name in (AUTHORITY, SERVER)):
        authority = trustme.CA(organization_name="permit-hub mailbox")
        write_private(folder / AUTHORITY, authority.cert_pem.bytes())
        write_private(folder / SERVER, authority.issue_cert(*HOSTS).private_key_and_cert_chain_pem.bytes())
    return Access(folder, kept_secret(folder / PASSWORD))
