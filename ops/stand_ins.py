"""Make the secret files that compose.sandbox.yml mounts: `python -m ops.stand_ins FOLDER`.

They are the hub's own, and those of all that stands in for others: the providers' sandboxes, the mail server, MonParis
and the payment service.
"""

import sys
from pathlib import Path

from integrations.private_files import kept_secret, write_private
from integrations.sandbox import access, server
from ops.deployment.make_secrets import make_secrets
from ops.mailbox import access as mailbox


def make_all(folder: Path) -> None:
    """Write the files that are missing; keep those that are there."""
    access.load_or_make(folder, server.find())
    mail = mailbox.load_or_make(folder)
    users = folder / "mailpit_users"
    if not users.exists():
        write_private(users, f"{mailbox.USER}:{mail.password}\n".encode())
    for name in ("personal_space_client_secret", "personal_space_payment_secret"):
        kept_secret(folder / name)
    make_secrets(folder)


if __name__ == "__main__":
    make_all(Path(sys.argv[1]))
