"""The services of docker-compose.yml, run without Docker: their own commands and environments, on this machine."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from ops.deployment.make_secrets import make_secrets
from ops.embedded.servers import free_port

PROJECT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
HUB = {
    name: service
    for name, service in COMPOSE["services"].items()
    if service.get("image") == "permit-hub" and "profiles" not in service
}


class Local:
    """Runs services as processes of this machine, with their commands and variables, on other hosts and ports."""

    def __init__(self, folder: Path, hub_environment: dict[str, str]) -> None:
        self.secrets = folder / "secrets"
        make_secrets(self.secrets)
        self.mounted = folder / "mounted"
        self.servers = {name.lower(): value for name, value in hub_environment.items()}
        self.prefix = hub_environment["PERMIT_HUB_REDIS_PREFIX"]
        self.ports = {port: str(free_port()) for port in ("8700", "8743", "5555", "8800", "8702")}
        self.logs = folder

    def start(self, name: str) -> subprocess.Popen[bytes]:
        service = HUB[name]
        mounted = self._mount(name)
        program, *arguments = (self._moved(word, mounted) for word in service["command"])
        command = (sys.executable, *arguments) if program == "python" else (sys.executable, "-m", program, *arguments)
        with (self.logs / f"{name}.log").open("wb") as log:
            environment = self._environment(service, mounted)
            return subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=log, stderr=log)

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a service without starting it."""
        return self._environment(HUB[name], self._mount(name))

    def _mount(self, name: str) -> Path:
        mounted = self.mounted / name
        mounted.mkdir(parents=True)
        for secret in HUB[name]["secrets"]:
            (mounted / secret).symlink_to(self.secrets / Path(COMPOSE["secrets"][secret]["file"]).name)
        return mounted

    def _environment(self, service: dict[str, Any], mounted: Path) -> dict[str, str]:
        """Return the service's variables, with its secrets as variables, and nothing else."""
        given = {name: self._moved(value, mounted) for name, value in service.get("environment", {}).items()}
        for secret in service["secrets"]:
            if secret.startswith(("permit_hub_", "personal_space_")):
                file = Path(COMPOSE["secrets"][secret]["file"]).name
                given[secret.upper()] = self.servers.get(file) or (mounted / secret).read_text()
        prefixes = {f"{app}_REDIS_PREFIX": self.prefix for app in ("PERMIT_HUB", "PERSONAL_SPACE")}
        return given | prefixes | {"PATH": os.environ["PATH"]}

    def _moved(self, text: str, mounted: Path) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        text = text.replace("/run/secrets", str(mounted))
        for host in ("sandbox", "city.localhost", "parking.localhost"):
            text = text.replace(f"//{host}:", "//127.0.0.1:")
        return text.replace("0.0.0.0", "127.0.0.1")

    def is_healthy(self, name: str) -> bool:
        """Run a service's own health check."""
        _, _, *arguments = (self._moved(word, self.mounted / name) for word in HUB[name]["healthcheck"]["test"])
        return subprocess.run((sys.executable, *arguments), capture_output=True, check=False).returncode == 0
