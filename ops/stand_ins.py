"""Make the secret files that compose.sandbox.yml mounts: `python -m ops.stand_ins FOLDER`.

They are the hub's own, and those of all that stands in for others: the providers' sandboxes, the mail server, MonParis
and the payment service.
"""

import secrets
import sys
from pathlib import Path

from integrations.sandbox import access, server
from ops.deployment.make_secrets import make_secrets
from ops.mailbox import access as mailbox


def make_all(folder: Path) -> None:
    """Write the files that are missing; what is there is kept."""
    access.load_or_make(folder, server.find())
    mail = mailbox.load_or_make(folder)
    _keep(folder / "mailpit_users", f"{mailbox.USER}:{mail.password}\n")
    for name in ("personal_space_client_secret", "personal_space_payment_secret"):
        _keep(folder / name, secrets.token_hex(32))
    make_secrets(folder)


def _keep(file: Path, content: str) -> None:
    if not file.exists():
        file.write_text(content)


if __name__ == "__main__":
    make_all(Path(sys.argv[1]))
