"""The services of docker-compose.yml and compose.sandbox.yml, run without Docker.

Each has its own command and environment, the code that its image has, and the packages that its image installs.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml
from permit_hub_client import Hub

from ops.embedded.servers import free_port
from ops.embedded.valkey import FLOWER, PERSONAL_SPACE, Valkey
from ops.stand_ins import make_all
from tests.stack.image import PROJECT
from tests.stack.installed import Image

Document = dict[str, Any]
JOURNAL = "/var/lib/permit-hub/journal"
REPLACED = {"command", "entrypoint", "test"}  # lists that are one thing; all others are added to


def read(name: str) -> Document:
    """Return a Compose file as it is written, with its anchors resolved."""
    document: Document = yaml.safe_load((PROJECT / name).read_text())
    return document


def merged(base: Any, over: Any, key: str = "") -> Any:
    """Return what Compose makes of a file and another that is laid over it."""
    if isinstance(base, dict) and isinstance(over, dict):
        shared = {name: merged(base[name], over[name], name) for name in base.keys() & over.keys()}
        return base | over | shared
    if isinstance(base, list) and isinstance(over, list) and key not in REPLACED:
        kept = [one for one in base if key != "volumes" or _place(one) not in map(_place, over)]
        return kept + [one for one in over if one not in kept]
    return over


def _place(volume: str) -> str:
    return volume.split(":")[1]


def queues(service: Document) -> list[str]:
    """Return the queues that a service's worker takes from."""
    return [name for word in service["command"] if word.startswith("--queues=") for name in word[9:].split(",")]


def secrets(service: Document) -> dict[str, str]:
    """Return the project's name of each secret that a service is given, by the name of its file there."""
    listed: Iterable[str | dict[str, str]] = service.get("secrets", ())
    given = [one if isinstance(one, dict) else {"source": one} for one in listed]
    return {one.get("target", one["source"]): one["source"] for one in given}


def ours(project: Document) -> dict[str, Document]:
    """Return the services that go on running and are made of our own code."""
    return {
        name: service
        for name, service in project["services"].items()
        if "build" in service and service["restart"] == "unless-stopped"
    }


PRODUCTION = read("docker-compose.yml")
SANDBOX = merged(PRODUCTION, read("compose.sandbox.yml"))


class Local:
    """Runs the sandbox's services as processes of this machine: other hosts and ports, same commands and variables."""

    def __init__(
        self, folder: Path, hub_environment: dict[str, str], valkey: Valkey, image: Callable[[str], Image]
    ) -> None:
        self.secrets = folder / "secrets"
        make_all(self.secrets)
        self.servers = {name.lower(): value for name, value in hub_environment.items()} | {
            "flower_redis_url": valkey.url_of(FLOWER),
            "personal_space_redis_url": valkey.url_of(PERSONAL_SPACE),
        }
        self.prefix = hub_environment["PERMIT_HUB_REDIS_PREFIX"]
        self.ports = {port: str(free_port()) for port in ("8700", "8743", "5555", "8800", "8702")}
        self.folder = folder
        self.journal = folder / "journal"
        self.journal.mkdir()
        self._image = image

    def start(self, name: str) -> subprocess.Popen[bytes]:
        image = self._image_of(name)
        self._mounted(name).mkdir(parents=True)
        for file, secret in secrets(SANDBOX["services"][name]).items():
            (self._mounted(name) / file).symlink_to(self.file(secret))
        with self.log(name).open("wb") as log:
            command = self._command(name, SANDBOX["services"][name]["command"])
            return subprocess.Popen(command, env=self.environment(name), cwd=image.app, stdout=log, stderr=log)

    def hub(self, key: str | None) -> Hub:
        """Return the hub as the residents' web app reaches it, which signs with the key in this secret."""
        secret = None if key is None else (self.secrets / key).read_text()
        return Hub(self.servers["personal_space_redis_url"], source="personal-space", key=secret, prefix=self.prefix)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def file(self, secret: str) -> Path:
        """Return the file of a secret."""
        return self.secrets / Path(SANDBOX["secrets"][secret]["file"]).name

    def is_healthy(self, name: str) -> bool:
        """Run a service's own health check."""
        how, *words = SANDBOX["services"][name]["healthcheck"]["test"]
        command = ["sh", "-c", self._moved(name, words[0])] if how == "CMD-SHELL" else self._command(name, words)
        image, environment = self._image_of(name), self.environment(name)
        check = subprocess.run(command, env=environment, cwd=image.app, capture_output=True, check=False)
        return check.returncode == 0

    def environment(self, name: str) -> dict[str, str]:
        """Return a service's variables, its secrets as the variables that they stand for, and what its image sets."""
        service = SANDBOX["services"][name]
        variables = service.get("environment", {}).items()
        given = {variable: self._moved(name, value) for variable, value in variables if value is not None}
        for variable, secret in secrets(service).items():
            if variable.startswith(("permit_hub_", "personal_space_")):
                file = self.file(secret)
                given[variable.upper()] = self.servers.get(file.name) or file.read_text()
        prefixes = {f"{app}_REDIS_PREFIX": self.prefix for app in ("PERMIT_HUB", "PERSONAL_SPACE")}
        return given | prefixes | {"PATH": os.environ["PATH"], "PYTHONPATH": str(self._image_of(name).app)}

    def _image_of(self, name: str) -> Image:
        return self._image(SANDBOX["services"][name]["build"]["target"])

    def _command(self, name: str, words: list[str]) -> list[str]:
        program, *arguments = (self._moved(name, word) for word in words)
        return [str(self._image_of(name).python), *([] if program == "python" else ["-m", program]), *arguments]

    def _mounted(self, name: str) -> Path:
        return self.folder / "mounted" / name

    def _moved(self, name: str, text: str) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        text = text.replace("/tmp/", f"{self.folder}/").replace("/run/secrets", str(self._mounted(name)))
        text = text.replace(JOURNAL, str(self.journal))
        for host in ("sandbox", "city.localhost", "parking.localhost"):
            text = text.replace(f"//{host}:", "//127.0.0.1:")
        return text.replace("0.0.0.0", "127.0.0.1")
