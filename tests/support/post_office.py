"""A real SMTP server in this process; a test makes it unavailable, slow, or has it defer or refuse."""

import asyncio
import email
import email.policy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"
HOST = "127.0.0.1"


@dataclass
class PostOffice:
    """Takes and keeps every message, except for recipients that `on_recipient` refuses or defers."""

    port: int
    taken: list[EmailMessage] = field(default_factory=list)
    on_recipient: Callable[[str], str] = lambda _: OK
    held: threading.Event = field(default_factory=threading.Event)  # while it is clear, senders wait for an answer
    _controller: Controller | None = None

    def __post_init__(self) -> None:
        self.held.set()

    def open(self) -> None:
        """Serve."""
        self._controller = Controller(self, hostname=HOST, port=self.port, enable_SMTPUTF8=True)
        self._controller.start()

    def close(self) -> None:
        """Accept no new connection, and close the open ones."""
        if self._controller is not None:
            self.held.set()
            self._controller.stop()
            self._controller = None

    def behave(self) -> None:
        """Take everything again."""
        self.on_recipient = lambda _: OK
        self.held.set()

    def to(self, address: str) -> list[EmailMessage]:
        """Return what was taken for one address."""
        return [message for message in self.taken if message["To"].addresses[0].addr_spec == address]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer for one recipient."""
        answer = self.on_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a message, then answer."""
        message: Any = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        self.taken.append(message)
        await asyncio.to_thread(self.held.wait)
        return OK
