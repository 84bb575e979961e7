"""Make the secret files that docker-compose.yml mounts: `python -m ops.deployment.make_secrets FOLDER`.

The files of the providers are the sandbox's; those of the mail server, MonParis and the payment service belong to their
stand-ins. Replace them by the real ones. Files that are there already are kept.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from integrations.private_files import kept_secret, write_private
from integrations.sandbox import access, server
from ops.mailbox import access as mailbox

INVENTED = (
    "postgres_owner_password",
    "postgres_worker_password",
    "valkey_password",
    "flower_password",
    "permit_hub_hash_key",
    "personal_space_secret",
    "personal_space_client_secret",
    "personal_space_payment_secret",
)


def make_secrets(folder: Path) -> None:
    """Write the missing files into a private folder; containers of other users can read each file."""
    access.load_or_make(folder, server.find())
    mail_password = mailbox.load_or_make(folder).password
    folder.chmod(0o700)
    made = {name: kept_secret(folder / name) for name in INVENTED}
    for name, content in _composed(made, mail_password).items():
        if not (folder / name).exists():
            write_private(folder / name, content.encode())
    for file in folder.iterdir():
        file.chmod(0o444)


def _composed(made: Mapping[str, str], mail_password: str) -> dict[str, str]:
    """Return the files that hold a secret within a setting."""
    database = "postgresql+psycopg://{role}:{password}@postgres/permit_hub"
    worker = {"role": "permit_hub_worker", "password": made["postgres_worker_password"]}
    owner = {"role": "permit_hub_owner", "password": made["postgres_owner_password"]}
    return {
        "valkey_config": f"requirepass {made['valkey_password']}\n",
        "flower_config": f"basic_auth = ['operator:{made['flower_password']}']\n",
        "mailpit_users": f"{mailbox.USER}:{mail_password}\n",
        "permit_hub_redis_url": f"redis://:{made['valkey_password']}@valkey:6379/0",
        "permit_hub_database_url": database.format(**worker),
        "permit_hub_migration_database_url": database.format(**owner),
    }


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
