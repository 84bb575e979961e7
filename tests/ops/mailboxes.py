"""A mailbox in its own process, and messages to it."""

import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from ops.embedded.mailbox import FOLDER, SENDER
from ops.mailbox.access import USER, Access, load_or_make

HERE, ELSEWHERE = "somebody@residents.example", "somebody.else@residents.example"


@dataclass
class Mailbox:
    """The running server."""

    access: Access
    port: int
    process: subprocess.Popen[str]
    log: Path

    @contextmanager
    def connected(self, password: str | None = None) -> Iterator[smtplib.SMTP]:
        """Connect, encrypt, and sign in."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as connection:
            connection.starttls(context=ssl.create_default_context(cafile=self.access.authority))
            connection.login(USER, password or self.access.password)
            yield connection

    def send(self, *contents: bytes, to: tuple[str, ...] = (HERE,)) -> None:
        """Send messages unchanged."""
        with self.connected() as connection:
            for content in contents:
                assert connection.sendmail("hub@city.example", to, content) == {}


@contextmanager
def serving(data: Path) -> Iterator[Mailbox]:
    access = load_or_make(data / FOLDER)
    command = [sys.executable, "-m", "ops.mailbox", "--folder", str(access.folder), "--port", "0"]
    log = data / "mailbox.log"
    with log.open("a") as written, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=written, text=True) as made:
        try:
            assert made.stdout is not None
            yield Mailbox(access, int(made.stdout.readline().rpartition(":")[2]), made, log)
        finally:
            made.kill()


def letter(subject: str = "Rappel", text: str = "Bonjour\n", html: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, HERE, subject
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()
