"""The way into the mailbox: a password and certificates in a folder."""

from dataclasses import dataclass, field
from pathlib import Path

from integrations.private_files import kept_secret, make_folder
from integrations.sandbox.certificates import keep_certificates

AUTHORITY, SERVER = "mailbox_authority.pem", "mailbox_server.pem"
PASSWORD = "permit_hub_email_password"  # noqa: S105 (a file's name, as a container's secret has it)
HOSTS = ("localhost", "127.0.0.1", "mailpit")  # the last is its stand-in in containers
USER = "permit-hub"
MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class Access:
    """The way into the mailbox of a folder."""

    folder: Path
    password: str = field(repr=False)

    @property
    def authority(self) -> Path:
        """Return the certificate of the authority that signed the server's."""
        return self.folder / AUTHORITY

    @property
    def server_certificate(self) -> Path:
        """Return the server's certificate and key."""
        return self.folder / SERVER

    @property
    def messages(self) -> Path:
        """Return where the messages are kept."""
        return self.folder / MESSAGES


def load_or_make(folder: Path) -> Access:
    """Read the password and the certificates of a folder; invent and keep those that are missing."""
    folder = make_folder(folder)
    keep_certificates(folder, "permit-hub mailbox", AUTHORITY, {SERVER: lambda authority: authority.issue_cert(*HOSTS)})
    return Access(folder, kept_secret(folder / PASSWORD))
