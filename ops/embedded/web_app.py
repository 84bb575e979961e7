"""The residents' web app and the stand-ins for the city's services: secrets, ports and processes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from personal_space.stand_ins import accounts
from personal_space.stand_ins.accounts import Account

from ops.embedded.children.program import Program
from ops.embedded.programs import python
from ops.embedded.secrets import Secrets
from ops.embedded.servers import free_port

PREFIX = "PERSONAL_SPACE_"
ACCOUNTS = f"{PREFIX}ACCOUNTS"  # may name a file with other accounts
CLIENT_ID = "personal-space"  # the app's name at MonParis


@dataclass(frozen=True, slots=True)
class WebApp:
    """One prepared app with its MonParis and its payment service, and how to reach them."""

    port: int
    stand_ins_port: int
    secrets: Secrets = field(repr=False)
    redis_url: str = field(repr=False)
    redis_prefix: str
    hub_key: str = field(repr=False)

    @property
    def url(self) -> str:
        """Return the app's address for browsers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        """Return the address of MonParis, where residents sign in."""
        return f"http://127.0.0.1:{self.stand_ins_port}/monparis"

    @property
    def environment(self) -> dict[str, str]:
        """Return the app's `PERSONAL_SPACE_…` variables."""
        return self._shared | {
            f"{PREFIX}REDIS_URL": self.redis_url,
            f"{PREFIX}REDIS_PREFIX": self.redis_prefix,
            f"{PREFIX}HUB_KEY": self.hub_key,
            f"{PREFIX}SECRET": self.secrets.session_secret,
            f"{PREFIX}PAYMENT_URL": f"http://127.0.0.1:{self.stand_ins_port}/paiement",
        }

    def programs(self) -> tuple[Program, Program]:
        """Return the stand-ins and the app, as programs to run in the foreground."""
        return (
            _program("stand-ins", "personal_space.stand_ins", self.stand_ins_port, self._shared),
            _program("personal-space", "personal_space", self.port, self.environment),
        )

    @property
    def _shared(self) -> dict[str, str]:
        return {
            f"{PREFIX}URL": self.url,
            f"{PREFIX}ISSUER": self.issuer,
            f"{PREFIX}CLIENT_ID": CLIENT_ID,
            f"{PREFIX}CLIENT_SECRET": self.secrets.client_secret,
            f"{PREFIX}PAYMENT_SECRET": self.secrets.payment_secret,
        }


def prepare(
    secrets: Secrets,
    *,
    redis_url: str,
    redis_prefix: str,
    hub_key: str,
    port: int | None = None,
    stand_ins_port: int | None = None,
) -> WebApp:
    """Choose free ports unless they are given."""
    return WebApp(port or free_port(), stand_ins_port or free_port(), secrets, redis_url, redis_prefix, hub_key)


def demo_account() -> Account:
    """Return the first account that can sign in.

    Raises:
        OSError: the file that `PERSONAL_SPACE_ACCOUNTS` names cannot be read.
        ValueError: it holds no accounts.
    """
    named = os.environ.get(ACCOUNTS)
    return accounts.read(Path(named) if named else accounts.SHIPPED)[0]


def _program(name: str, module: str, port: int, variables: Mapping[str, str]) -> Program:
    return python(name, ("-m", module, "--host", "127.0.0.1", "--port", str(port)), _own(variables), port=port)


def _own(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a process that knows only the hub's Redis."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PERMIT_HUB_")}
    return inherited | dict(variables) | {"PYTHONUNBUFFERED": "1"}
