"""A database for tests whose own clock is moved, so that days pass in it as for the hub."""

from datetime import UTC, datetime

import psycopg

SCHEMA = "moved_clock"
_DEFAULTS = """
    SELECT format('ALTER TABLE %I ALTER %I SET DEFAULT now()', table_name, column_name)
    FROM information_schema.columns WHERE table_schema = 'public' AND column_default = 'now()'
"""
# Functions that are plain expressions: the planner inlines them, so they cost nothing.
_FUNCTION = """
    CREATE OR REPLACE FUNCTION moved_clock.{name}() RETURNS timestamptz LANGUAGE sql {volatility} PARALLEL SAFE
    AS 'SELECT pg_catalog.{name}() + interval ''{seconds} seconds'''
"""
_VOLATILITY = {"now": "STABLE", "clock_timestamp": "VOLATILE"}


def own_clock(connection: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    """Give a database its own clock, which is right until it is moved; it applies to new connections."""
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    connection.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC")
    move_clock(connection, datetime.now(UTC))
    path = f"search_path = {SCHEMA}, pg_catalog, public"  # before the functions that they replace
    defaults = connection.execute(_DEFAULTS).fetchall()
    connection.execute(f"SET {path}")
    for (statement,) in defaults:
        connection.execute(str(statement))
    connection.execute(f"ALTER DATABASE {database} SET {path}")


def move_clock(connection: psycopg.Connection[tuple[object, ...]], moment: datetime) -> None:
    """Set the clock, which continues from this moment."""
    seconds = (moment - datetime.now(UTC)).total_seconds()
    for name, volatility in _VOLATILITY.items():
        function = _FUNCTION.format(name=name, volatility=volatility, seconds=f"{seconds:.6f}")
        connection.execute(function)
