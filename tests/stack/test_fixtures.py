"""The fixtures that all other tests use."""

import psycopg
import pytest
import redis

from ops.embedded import postgres
from ops.embedded.servers import Servers
from tests.conftest import Database


def test_each_test_has_its_own_migrated_database(database: Database) -> None:
    with database.connect() as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables is not None
    assert tables != (0,)


def test_the_database_server_is_as_durable_as_in_production(servers: Servers) -> None:
    with servers.postgres.connect() as connection:
        for setting in ("fsync", "synchronous_commit"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)


def test_the_database_servers_log_has_no_values_and_no_statements(servers: Servers, empty_database: Database) -> None:
    with empty_database.connect() as connection:
        connection.execute("CREATE TABLE seen (plate text PRIMARY KEY, at date)")
        connection.execute("INSERT INTO seen VALUES ('XX-999-XX', now())")
        for statement in (
            "INSERT INTO seen VALUES ('XX-999-XX', now())",
            "INSERT INTO seen VALUES ('YY-888-YY', 'XX-999-XX')",
            "SELECT 'XX-999-XX' FROM nowhere",
        ):
            try:
                connection.execute(statement)
            except Exception:
                continue
            raise AssertionError("the statement was to fail")
    assert "XX-999-XX" not in (servers.logs / "postgres.log").read_text()


def test_the_hubs_variables_lead_to_both_servers(hub_environment: dict[str, str], redis_url: str) -> None:
    with redis.Redis.from_url(hub_environment["PERMIT_HUB_REDIS_URL"]) as client:
        assert client.ping()
    with redis.Redis.from_url(redis_url) as client:
        assert client.config_get("appendonly", "maxmemory-policy") == {
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",
        }


@pytest.mark.parametrize("role", [postgres.SUPERUSER, postgres.OWNER, postgres.WORKER])
def test_postgresql_lets_nobody_in_without_the_password(servers: Servers, role: str) -> None:
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(servers.postgres.sockets), user=role, dbname="postgres", password=password)


def test_valkey_refuses_clients_without_the_password(servers: Servers) -> None:
    with redis.Redis(port=servers.valkey.port) as client:
        try:
            client.ping()
        except redis.AuthenticationError:
            return
    raise AssertionError("it answered")
