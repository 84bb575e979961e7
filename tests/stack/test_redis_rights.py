"""Who may do what in Redis, asked of a real server; and the worst that a web app can try with its own credentials."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from ops import redis_rights
from ops.embedded.servers import Servers
from ops.redis_rights import Role

RIGHTS = tomllib.loads(Path(__file__).with_suffix(".toml").with_stem("redis_rights").read_text())
PREFIX = "city:"
ARGUMENTS = {"blmove": 5, "zadd": 3, "hset": 3, "xadd": 4, "xread": 3, "copy": 2, "lset": 3, "lrem": 3}
"""How many arguments a command is asked about with, the key included, where its least is another than it says."""


@pytest.fixture(scope="module")
def server(servers: Servers) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(servers.valkey.url, decode_responses=True) as client:
        yield client


@pytest.fixture(params=[Role.UPSTREAM, Role.FLOWER, Role.FOLLOWER])
def role(request: pytest.FixtureRequest) -> Role:
    role: Role = request.param
    return role


@pytest.fixture
def name(server: redis.Redis, role: Role) -> Iterator[str]:
    """Make a user of this role."""
    name = f"test-{uuid4().hex}"
    line = redis_rights.user(name, role, "secret", PREFIX)
    run(server, "ACL", "SETUSER", name, *re.findall(r"\([^)]*\)|\S+", line)[2:])
    yield name
    run(server, "ACL", "DELUSER", name)


def test_an_app_for_some_residents_reads_theirs_alone(server: redis.Redis) -> None:
    name, residents = f"test-{uuid4().hex}", ["p-", "q-1"]
    line = redis_rights.user(name, Role.UPSTREAM, "secret", PREFIX, residents)
    run(server, "ACL", "SETUSER", name, *re.findall(r"\([^)]*\)|\S+", line)[2:])
    try:
        for resident_id, readable in {"p-1": True, "q-12": True, "q-2": False, "r-p-1": False, "p": False}.items():
            assert may(server, name, "get", f"{PREFIX}space:{resident_id}") is readable
            assert may(server, name, "subscribe", f"{PREFIX}watch:{resident_id}") is readable
        assert may(server, name, "get", f"{PREFIX}catalogue")
    finally:
        run(server, "ACL", "DELUSER", name)


@pytest.mark.parametrize("beginning", ["p*", "p?", "[a-z]", "p %R~*", "x" * 65])
def test_what_no_residents_id_begins_with_gives_no_rights(beginning: str) -> None:
    with pytest.raises(ValueError, match="no resident's id begins with"):
        redis_rights.user("portal", Role.UPSTREAM, "secret", PREFIX, [beginning])


def run(server: redis.Redis, *words: str) -> Any:
    """Run a command for which redis-py has no method."""
    return server.execute_command(*words)  # type: ignore[no-untyped-call]


def may(server: redis.Redis, name: str, command: str, *arguments: str) -> bool:
    """Return whether the user may run a command; Redis says so without running it."""
    answer = run(server, "ACL", "DRYRUN", name, *command.split("|"), *arguments)
    return bool(answer == "OK")


def test_each_key_takes_the_commands_that_are_listed_and_no_other(server: redis.Redis, name: str, role: Role) -> None:
    found: dict[str, list[str]] = {}
    for key in RIGHTS[role]["keys"]:
        found[key] = [
            command for command in RIGHTS["commands"] if may(server, name, command, *_with(server, command, key))
        ]
    assert found == RIGHTS[role]["keys"]


def test_of_commands_without_a_key_it_may_run_those_listed(server: redis.Redis, name: str, role: Role) -> None:
    found = [command for command in RIGHTS["without_keys"] if may(server, name, command, *_least(server, command))]
    assert found == RIGHTS[role]["without_keys"]


def _with(server: redis.Redis, command: str, key: str) -> list[str]:
    """Return the arguments of a command about a key of the hub."""
    full, least = PREFIX + key, _least(server, command)
    if command == "xread":
        return ["STREAMS", full, "0"]
    if command in {"rename", "copy", "blmove"}:
        return [full, full, *least[2:]]
    return [full, *least[1:]]


def _least(server: redis.Redis, command: str) -> list[str]:
    """Return as many arguments as a command needs."""
    described: Any = run(server, "COMMAND", "INFO", command)
    arity = abs(next(iter(described.values()))["arity"]) if isinstance(described, dict) else abs(described[0][1])
    return ["1"] * (ARGUMENTS.get(command) or arity - 1 - command.count("|"))
