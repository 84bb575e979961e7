"""Bring a database from empty, or from any earlier state, to the current one: `python -m worker.db.migrate`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, NullPool, bindparam, create_engine, func, select, true

from worker.settings import NO_ZONE, SettingsError, TimeZone

VARIABLE = "PERMIT_HUB_MIGRATION_DATABASE_URL"
CITY = "Europe/Paris"
_LOCK = select(func.pg_advisory_xact_lock(7_236_001))  # two deployments may start at once
_SET_ZONE = select(func.set_config("TimeZone", bindparam("zone"), true()))


class OwnerSettings(BaseSettings):
    """The migrations' settings; each is an environment variable, or a file of that name in `/run/secrets`."""

    model_config = SettingsConfigDict(
        env_prefix="PERMIT_HUB_",
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
        hide_input_in_errors=True,
    )

    migration_database_url: str = Field(pattern=r"^postgresql\+psycopg://")
    time_zone: TimeZone = CITY


def migrate(database_url: str, time_zone: str = CITY) -> str | None:
    """Upgrade the database to the newest revision, as the owner of its tables; return that revision.

    Days that moments are turned into are those of the time zone.
    """
    engine = create_engine(database_url, poolclass=NullPool, hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(_LOCK)
        connection.execute(_SET_ZONE, {"zone": time_zone})
        command.upgrade(configuration(connection), "head")
        return MigrationContext.configure(connection).get_current_revision()


def configuration(connection: Connection) -> Config:
    """Return what Alembic's commands need to work on this connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def owner() -> OwnerSettings:
    """Return the URL of the database for the role that owns its tables, and the city's time zone.

    Raises:
        SettingsError: one of them is missing or wrong.
    """
    try:
        return OwnerSettings()
    except ValidationError as error:
        if [one["loc"] for one in error.errors()] == [("time_zone",)]:
            raise SettingsError(f"PERMIT_HUB_TIME_ZONE is wrong: {NO_ZONE}") from None
        raise SettingsError(
            f"{VARIABLE} is missing or wrong: postgresql+psycopg://… of the role that owns the tables"
        ) from None


@contextmanager
def connected_owner() -> Iterator[Connection]:
    """Connect as the role that owns the tables, for one transaction.

    Raises:
        SettingsError: its URL is missing or wrong.
    """
    engine = create_engine(owner().migration_database_url, poolclass=NullPool, hide_parameters=True)
    with engine.begin() as connection:
        yield connection


def main() -> None:
    """Migrate the database that the environment names."""
    settings = owner()
    migrate(settings.migration_database_url, settings.time_zone)


if __name__ == "__main__":
    main()
