"""A channel and its mail server, for one test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from integrations.channels.base import ChannelError, Notice
from integrations.channels.email import Email
from integrations.channels.opening import Patience
from tests.channels.conftest import MakeAccess
from tests.channels.mail_servers import MailServer, serving
from tests.channels.notices import EXPIRY

SOON = Patience(open=5.0, answer=5.0, taken=5.0)  # the machine may be busy
AT_ONCE = Patience(open=5.0, answer=0.2, taken=0.2)  # for silent servers


@dataclass
class Post:
    """A channel at work."""

    email: Email
    server: MailServer
    seconds: float = 60.0  # until the deadline of each notice

    async def send(self, notice: Notice = EXPIRY, **changes: Any) -> None:
        """Send a notice."""
        deadline = asyncio.get_running_loop().time() + self.seconds
        await self.email.send(replace(notice, **changes), deadline)

    async def failure(self, notice: Notice = EXPIRY, **changes: Any) -> ChannelError:
        """Send a notice that must fail, and return the error."""
        try:
            await self.send(notice, **changes)
        except ChannelError as error:
            return error
        raise AssertionError("it was taken")


@asynccontextmanager
async def post(
    make_access: MakeAccess,
    *,
    patience: Patience = SOON,
    options: dict[str, Any] | None = None,
    server: MailServer | None = None,
    **given: object,
) -> AsyncIterator[Post]:
    """Run a mail server and open a channel to it; without encryption by default."""
    async with serving(server or MailServer(), **(options or {})) as running:
        email = Email(make_access(**({"security": "none", "port": running.port} | given)), patience)
        try:
            yield Post(email, running)
        finally:
            await email.aclose()
