"""The mailbox that stands in for the city's mail server: its access in a data folder, its port, and its process."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.embedded.children.program import Program
from ops.embedded.programs import python
from ops.embedded.servers import free_port
from ops.mailbox.access import MESSAGES, USER, Access, load_or_make

FOLDER = "mailbox"  # below the data folder
SENDER = "Stationnement résidentiel <ne-pas-repondre@stationnement.example>"
PREFIX = "PERMIT_HUB_EMAIL_"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One prepared mailbox and how to reach it."""

    access: Access
    port: int

    @property
    def address(self) -> str:
        """Return its address."""
        return f"127.0.0.1:{self.port}"

    def environment(self, personal_space_url: str) -> dict[str, str]:
        """Return the variables that send a hub's reminders here, with links to the residents' web app."""
        return {
            f"{PREFIX}HOST": "127.0.0.1",
            f"{PREFIX}PORT": str(self.port),
            f"{PREFIX}SECURITY": "starttls",
            f"{PREFIX}USER": USER,
            f"{PREFIX}PASSWORD": self.access.password,
            f"{PREFIX}AUTHORITY": str(self.access.authority),
            f"{PREFIX}SENDER": SENDER,
            f"{PREFIX}SPACE_URL": f"{personal_space_url}/espace",
            f"{PREFIX}UNSUBSCRIBE_URL": f"{personal_space_url}/rappels/arreter/",
        }

    def program(self, environment: Mapping[str, str]) -> Program:
        """Return the server as a program to run in the foreground."""
        command = ("-m", "ops.mailbox", "--folder", str(self.access.folder), "--port", str(self.port))
        return python("mailbox", command, environment, port=self.port)


def messages_below(data: Path) -> Path:
    """Return the folder of the messages below a data folder, whether or not its stack runs."""
    return data / FOLDER / MESSAGES


def prepare(data: Path, *, port: int | None = None, fresh: bool = False) -> Mailbox:
    """Read or make the access below a data folder, and choose a free port unless one is given.

    `fresh` drops the messages of earlier runs.
    """
    access = load_or_make(data / FOLDER)
    if fresh and access.messages.exists():
        shutil.rmtree(access.messages)
    return Mailbox(access, port or free_port())
