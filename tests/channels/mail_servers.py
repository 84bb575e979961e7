"""Real mail servers in this process that can be told to refuse, to fall silent or to hang up."""
# ruff: noqa: N802 - aiosmtpd looks methods up by the names of commands

import asyncio
import hmac
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "rappels", "ceci-est-un-secret"


class Fault(Enum):
    """A fault in place of an answer."""

    LOST = "lost"
    SILENT = "silent"


Behaviour = str | Fault


@dataclass
class MailServer:
    """The messages that a server accepted, and its planned answers for each step."""

    port: int = 0
    plans: dict[str, list[Behaviour | None]] = field(default_factory=lambda: defaultdict(list))
    taken: list[Envelope] = field(default_factory=list)
    open: set["Line"] = field(default_factory=set)
    opened: int = 0
    most_open: int = 0
    closed_to_strangers: bool = False
    letters_each: int = 1_000  # on one connection
    commands: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None  # messages are accepted once this is set

    def plan(self, step: str, *behaviours: Behaviour | None) -> None:
        """Plan the next answers at a step; None is the normal answer."""
        self.plans[step].extend(behaviours)

    def next(self, step: str) -> Behaviour | None:
        """Return the planned answer at a step."""
        self.commands.append(step)
        return self.plans[step].pop(0) if self.plans[step] else None

    def hang_up(self) -> None:
        """Close all connections, as a server does with idle ones."""
        for line in list(self.open):
            line.close()

    async def handle_DATA(self, server: "Line", session: Session, envelope: Envelope) -> str:
        """Accept a message."""
        if self.held is not None:
            await self.held.wait()
        behaviour = self.next("END")
        if isinstance(behaviour, str):
            return behaviour
        self.taken.append(envelope)
        if behaviour is not None:
            await server.misbehave(behaviour)
        return "250 2.0.0 taken"


class Challenger(MailServer):
    """A server with CRAM-MD5: a client proves that it knows the password without sending it."""

    async def auth_CRAM__MD5(self, server: SMTP, args: list[str]) -> AuthResult:
        """Let the one user in."""
        challenge = b"<1@mail.example>"
        answer = await server.challenge_auth(challenge)
        proof = hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest()
        return AuthResult(success=answer == f"{USER} {proof}".encode(), handled=False)


class Line(SMTP):
    """One connection."""

    def __init__(self, mail: MailServer, **options: Any) -> None:
        super().__init__(mail, hostname="mail.example", auth_require_tls=False, **options)
        self.mail = mail
        self.letters = 0

    def connection_made(self, transport: Any) -> None:
        if self not in self.mail.open:  # it is made again after STARTTLS
            self.mail.open.add(self)
            self.mail.opened += 1
            self.mail.most_open = max(self.mail.most_open, len(self.mail.open))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.mail.open.discard(self)
        super().connection_lost(error)

    async def smtp_EHLO(self, name: str) -> None:
        await self._unless("EHLO") or await super().smtp_EHLO(name)

    async def smtp_STARTTLS(self, arg: str) -> None:
        await self._unless("STARTTLS") or await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        await self._unless("AUTH") or await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str) -> None:
        self.letters += 1
        if self.letters > self.mail.letters_each:
            self.mail.plans["MAIL"].insert(0, "421 4.7.0 too many messages on this connection")
        if self.mail.closed_to_strangers and not (self.session and self.session.authenticated):
            self.mail.plans["MAIL"].insert(0, "530 5.7.0 who are you?")
        await self._unless("MAIL") or await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:
        await self._unless("RCPT") or await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        await self._unless("DATA") or await super().smtp_DATA(arg)

    async def smtp_RSET(self, arg: str) -> None:
        await self._unless("RSET") or await super().smtp_RSET(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        await self._unless("QUIT") or await super().smtp_QUIT(arg)

    def close(self) -> None:
        """End the connection in order."""
        assert self.transport is not None
        self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()

    async def misbehave(self, behaviour: Fault) -> None:
        """Hang up, or fall silent."""
        if behaviour is Fault.LOST:
            self.abort()
        await asyncio.Event().wait()

    async def _unless(self, step: str) -> bool:
        behaviour = self.mail.next(step)
        if isinstance(behaviour, Fault):
            await self.misbehave(behaviour)
        elif behaviour is not None:
            await self.push(behaviour)
            if behaviour.startswith("421"):
                self.close()
        return behaviour is not None


@asynccontextmanager
async def serving(mail: MailServer, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[MailServer]:
    """Serve on a free port of this machine until the end."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(mail, loop=loop, **options), "127.0.0.1", 0, ssl=tls)
    mail.port = server.sockets[0].getsockname()[1]
    try:
        yield mail
    finally:
        server.close()
        for line in list(mail.open):
            line.abort()
        await asyncio.sleep(0)
        await server.wait_closed()


def knows(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    """Return whether the credentials are those of the one user."""
    right = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=data == right, handled=False)
