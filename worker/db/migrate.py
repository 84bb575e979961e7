"""Bring a database from empty, or from any earlier state, to the current one: `python -m worker.db.migrate`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, NullPool, create_engine, text

from worker.settings import SettingsError

VARIABLE = "PERMIT_HUB_MIGRATION_DATABASE_URL"
_ONE_AT_A_TIME = 7_236_001  # an advisory lock: two deployments may start at once


class OwnerSettings(BaseSettings):
    """The migrations' one setting: an environment variable, or a file of that name in `/run/secrets`."""

    model_config = SettingsConfigDict(
        env_prefix="PERMIT_HUB_",
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        hide_input_in_errors=True,
    )

    migration_database_url: str = Field(pattern=r"^postgresql\+psycopg://")


def migrate(database_url: str) -> str | None:
    """Upgrade the database to the newest revision, as the owner of its tables; return that revision."""
    engine = create_engine(database_url, poolclass=NullPool, hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})
        command.upgrade(configuration(connection), "head")
        return MigrationContext.configure(connection).get_current_revision()


def configuration(connection: Connection) -> Config:
    """Return what Alembic's commands need to work on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def owner_url() -> str:
    """Return the URL of the database for the role that owns its tables.

    Raises:
        SettingsError: it is missing or wrong.
    """
    try:
        return OwnerSettings().migration_database_url
    except ValidationError:
        raise SettingsError(
            f"{VARIABLE} is missing or wrong: postgresql+psycopg://… of the role that owns the tables"
        ) from None


def main() -> None:
    """Migrate the database that the environment names."""
    migrate(owner_url())


if __name__ == "__main__":
    main()
