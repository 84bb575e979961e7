"""The stand-ins for the providers: their access in a data folder, their two ports, and the process that serves them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integrations.sandbox import server
from integrations.sandbox.access import Access, load_or_make
from ops.embedded.children.program import Program
from ops.embedded.programs import python
from ops.embedded.servers import free_port

FOLDER = "sandbox"  # below the data folder


@dataclass(frozen=True, slots=True)
class Sandboxes:
    """One prepared server and how to reach it."""

    access: Access
    port: int
    tls_port: int

    @property
    def url(self) -> str:
        """Return its address, which also serves its control."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """Return the address of the providers that demand a client's certificate."""
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the `PERMIT_HUB_<NAME>_…` variables that lead a hub here, for each provider with a stand-in."""
        return self.access.environment(self.url, self.tls_url)

    def program(self, environment: Mapping[str, str]) -> Program:
        """Return the server as a program to run in the foreground."""
        ports = ("--port", str(self.port), "--tls-port", str(self.tls_port))
        command = ("-m", "integrations.sandbox", "--folder", str(self.access.folder), *ports)
        return python("sandbox", command, environment, port=self.tls_port)  # it listens on this one last


def access(data: Path) -> Access:
    """Read or make the secrets and certificates below a data folder."""
    return load_or_make(data / FOLDER, server.find())


def prepare(data: Path, *, port: int | None = None, tls_port: int | None = None) -> Sandboxes:
    """Read or make the access below a data folder, and choose free ports unless they are given."""
    return Sandboxes(access(data), port or free_port(), tls_port or free_port())
