"""Make the secret files that docker-compose.yml mounts: `python -m ops.deployment.make_secrets FOLDER`.

Those of the providers are the sandbox's, and those of the mail server, MonParis and the payment service their
stand-ins', to be replaced by the real ones. What is there is kept.
"""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from integrations.sandbox import access, server
from ops.mailbox import access as mailbox


def make_secrets(folder: Path) -> None:
    """Write the files that are missing. Their folder is private; they can be read in containers of another user."""
    access.load_or_make(folder, server.find())
    mailbox.load_or_make(folder)
    folder.chmod(0o700)
    for name, content in _contents(folder).items():
        file = folder / name
        if not file.exists():
            file.write_text(content())
    for file in folder.iterdir():
        file.chmod(0o444)


def _contents(folder: Path) -> dict[str, Callable[[], str]]:
    def password(name: str) -> str:
        return (folder / name).read_text()

    return {
        "postgres_owner_password": _random,
        "postgres_worker_password": _random,
        "valkey_password": _random,
        "flower_password": _random,
        "permit_hub_hash_key": _random,
        "personal_space_secret": _random,
        "personal_space_client_secret": _random,
        "personal_space_payment_secret": _random,
        "valkey_config": lambda: f"requirepass {password('valkey_password')}\n",
        "flower_config": lambda: f"basic_auth = ['operator:{password('flower_password')}']\n",
        "mailpit_users": lambda: f"{mailbox.USER}:{password(mailbox.PASSWORD)}\n",
        "permit_hub_redis_url": lambda: f"redis://:{password('valkey_password')}@valkey:6379/0",
        "permit_hub_database_url": lambda: (
            f"postgresql+psycopg://permit_hub_worker:{password('postgres_worker_password')}@postgres/permit_hub"
        ),
        "permit_hub_migration_database_url": lambda: (
            f"postgresql+psycopg://permit_hub_owner:{password('postgres_owner_password')}@postgres/permit_hub"
        ),
    }


def _random() -> str:
    return secrets.token_hex(32)


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
