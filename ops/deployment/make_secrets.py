"""Make the secret files that docker-compose.yml mounts: `python -m ops.deployment.make_secrets FOLDER`.

What is there is kept. What others give to the city it cannot make: it names each of those that is not there yet.
"""

import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

GIVEN: Mapping[str, str] = MappingProxyType(
    {
        "permit_hub_paybyphone_client_id": "PayByPhone's client id",
        "permit_hub_paybyphone_client_secret": "PayByPhone's client secret",
        "permit_hub_flowbird_client_id": "Flowbird's client id",
        "permit_hub_flowbird_client_secret": "Flowbird's client secret",
        "flowbird_certificate.pem": "the certificate that Flowbird knows the city by, and its key",
        "permit_hub_easypark_key": "EasyPark's key",
        "permit_hub_indigo_neo_key": "Indigo Neo's key",
        "permit_hub_city_hub_key": "the city hub's key",
        "permit_hub_email_password": "the mail server's password",
        "personal_space_client_secret": "the web app's secret at the OpenID provider",
        "personal_space_payment_secret": "what the payment service signs with, 32 characters or more",
    }
)


def make_secrets(folder: Path) -> list[str]:
    """Write the files that are missing, and return the names of those that only others can give.

    Their folder is private, and its files can be read in containers of another user.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, content in _contents(folder).items():
        file = folder / name
        if not file.exists():
            file.write_text(content())
    for file in folder.iterdir():
        file.chmod(0o444)
    return [name for name in GIVEN if not (folder / name).exists()]


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
        "valkey_config": lambda: f"requirepass {password('valkey_password')}\n",
        "flower_config": lambda: f"basic_auth = ['operator:{password('flower_password')}']\n",
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
    for wanted in make_secrets(Path(sys.argv[1])):
        print(f"Put {GIVEN[wanted]} into {wanted}.")
