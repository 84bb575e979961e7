"""Make the secret files that docker-compose.yml mounts: `python -m ops.deployment.make_secrets FOLDER`.

What is there is kept. What others give to the city it cannot make: it names each of those that is not there yet.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from integrations.private_files import kept_secret, write_private
from ops.redis_rights import Role, user, users_file
from ops.source_rights import OPERATOR, PERSONAL_SPACE, sources_file
from worker.settings import Settings

REDIS_PREFIX: str = Settings.model_fields["redis_prefix"].default

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

INVENTED = (
    "postgres_owner_password",
    "postgres_worker_password",
    "postgres_lane_password",
    "valkey_hub_password",
    "valkey_flower_password",
    "valkey_operator_password",
    "valkey_personal_space_password",
    "flower_password",
    "permit_hub_hash_key",
    "personal_space_secret",
    "personal_space_hub_key",
    "permit_hub_source_key",
)


def make_secrets(folder: Path) -> list[str]:
    """Write the missing files into a private folder; return the names of those that only others can give.

    Containers of other users can read each file.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    made = {name: kept_secret(folder / name) for name in INVENTED}
    for name, content in _composed(made).items():
        if not (folder / name).exists():
            write_private(folder / name, content.encode())
    for file in folder.iterdir():
        file.chmod(0o444)
    return [name for name in GIVEN if not (folder / name).exists()]


def _composed(made: Mapping[str, str]) -> dict[str, str]:
    """Return the files that hold a secret within a setting."""
    users = {
        "permit-hub": (Role.HUB, made["valkey_hub_password"]),
        "flower": (Role.FLOWER, made["valkey_flower_password"]),
        "operator": (Role.OPERATOR, made["valkey_operator_password"]),
        "personal-space": (Role.UPSTREAM, made["valkey_personal_space_password"]),
    }
    url = {name: f"redis://{name}:{password}@valkey:6379/0" for name, (_, password) in users.items()}
    database = "postgresql+psycopg://{role}:{password}@postgres/permit_hub"
    return {
        "valkey_users": users_file(user(name, *of, prefix=REDIS_PREFIX) for name, of in users.items()),
        "sources.toml": sources_file({PERSONAL_SPACE: "personal_space_hub_key", OPERATOR: "permit_hub_source_key"}),
        "flower_config": f"basic_auth = ['operator:{made['flower_password']}']\n",
        "permit_hub_redis_url": url["permit-hub"],
        "flower_redis_url": url["flower"],
        "personal_space_redis_url": url["personal-space"],
        "permit_hub_database_url": database.format(role="permit_hub_worker", password=made["postgres_worker_password"]),
        "permit_hub_lane_database_url": database.format(
            role="permit_hub_lane", password=made["postgres_lane_password"]
        ),
        "permit_hub_migration_database_url": database.format(
            role="permit_hub_owner", password=made["postgres_owner_password"]
        ),
    }


if __name__ == "__main__":
    for wanted in make_secrets(Path(sys.argv[1])):
        print(f"Put {GIVEN[wanted]} into {wanted}.")
