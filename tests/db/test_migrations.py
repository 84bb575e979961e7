"""The migrations lead to the tables as they are declared, and back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from tests.conftest import Database
from worker.db.migrate import configuration, migrate
from worker.db.tables import metadata

# What alembic's comparison does not see: defaults, checks, exclusions, and the conditions of indexes.
_CATALOGUE = text("""
    SELECT table_name || '.' || column_name || ' ' || udt_name || ' ' || is_nullable || ' '
        || coalesce(column_default, '') || coalesce(identity_generation, '') || coalesce(character_maximum_length, 0)
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    UNION ALL
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
        AND conrelid::regclass::text <> 'alembic_version'
    UNION ALL
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
""")


def test_migrations_lead_to_the_declared_tables(database: Database) -> None:
    with _owner(database).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrations_lead_to_the_declared_defaults_guards_and_indexes(
    database: Database, empty_database: Database
) -> None:
    with _owner(empty_database).begin() as connection:
        connection.exec_driver_sql("CREATE EXTENSION btree_gist")
        metadata.create_all(connection)
        declared = _catalogue(connection)
    with _owner(database).connect() as connection:
        assert _catalogue(connection) == declared


def test_what_was_migrated_can_be_taken_back_and_made_again(empty_database: Database) -> None:
    migrate(empty_database.owner_url)
    engine = _owner(empty_database)
    with engine.connect() as connection:
        first = _catalogue(connection)
    with engine.begin() as connection:
        command.downgrade(configuration(connection), "base")
    with engine.connect() as connection:
        assert _catalogue(connection) == set()
    migrate(empty_database.owner_url)
    with engine.connect() as connection:
        assert _catalogue(connection) == first


def test_migrating_twice_changes_nothing(database: Database) -> None:
    engine = _owner(database)
    with engine.connect() as connection:
        before = _catalogue(connection)
    migrate(database.owner_url)
    with engine.connect() as connection:
        assert _catalogue(connection) == before


def _owner(database) -> Engine:
    return create_engine(database.owner_url, poolclass=NullPool)


def _catalogue(connection: Connection) -> set[str]:
    return set(connection.execute(_CATALOGUE).scalars())
