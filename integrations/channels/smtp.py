"""One SMTP connection: opened, encrypted and signed in, then one letter after another.

A server's replies and the library's errors quote addresses. So errors from here have only codes and statuses, and no
cause or context.
"""

from typing import NoReturn, Self

from aiosmtplib import SMTP, SMTPException
from aiosmtplib.protocol import PERIOD_REGEX

from integrations.channels import answers
from integrations.channels.answers import CHANNEL, Code, SmtpReply
from integrations.channels.base import (
    AddressRefusedError,
    ChannelError,
    LaterError,
    NoticeUnclearError,
    UnavailableError,
)
from integrations.channels.message import Letter
from integrations.channels.opening import Patience, code, connect, drop
from integrations.channels.settings import EmailSettings

END_OF_DATA = b".\r\n"
QUIT_SECONDS = 1.0


class Connection:
    """An open connection for one letter at a time."""

    def __init__(self, client: SMTP, patience: Patience) -> None:
        """Take over a client that is connected, encrypted and signed in."""
        self._client = client
        self._patience = patience
        self._needs_reset = False  # the server has a part of a letter: send RSET first
        self.letters = 0
        self.data_begun = False  # of the last letter: it must not be retried
        self.message_begun = False  # of the last letter: it may be accepted
        self.used_at = 0.0

    @classmethod
    async def open(cls, access: EmailSettings, patience: Patience) -> Self:
        """Connect, encrypt and sign in.

        Raises:
            UnavailableError: one of these steps failed.
        """
        return cls(await connect(access, patience), patience)

    @property
    def usable(self) -> bool:
        """Return whether the connection is open, as far as this side knows."""
        return self._client.is_connected

    async def hand_over(self, sender: str, letter: Letter) -> None:
        """Hand over a letter.

        Raises:
            ChannelError: it was not, or may not have been, accepted; without a status, the connection is at fault.
        """
        self.data_begun = self.message_begun = False
        if letter.needs_utf8 and not self._client.supports_extension("smtputf8"):
            raise AddressRefusedError(CHANNEL, Code.SMTPUTF8_NOT_OFFERED)
        self.letters += 1
        await self._send_envelope(sender, letter)
        await self._send_message(letter)

    async def quit(self) -> None:
        """Send QUIT and close."""
        try:
            await self._client.execute_command(b"QUIT", timeout=QUIT_SECONDS)
        except (SMTPException, OSError):
            pass  # it is closed anyway
        finally:
            self.drop()

    def drop(self) -> None:
        """Close at once, even during a command."""
        drop(self._client)

    async def _send_envelope(self, sender: str, letter: Letter) -> None:
        """Send MAIL and RCPT."""
        if self._needs_reset:
            reset = await self._ask(UnavailableError, b"RSET")
            self._raise_if(answers.to_sender(reset, utf8=False))
        self._needs_reset = True
        options = [b"SMTPUTF8", b"BODY=8BITMIME"] if letter.needs_utf8 else []
        taken = await self._ask(UnavailableError, b"MAIL", f"FROM:<{sender}>".encode(), *options)
        self._raise_if(answers.to_sender(taken, utf8=letter.needs_utf8))
        # From here on this recipient may be the cause of a lost connection: it must not stop the channel for all.
        taken = await self._ask(LaterError, b"RCPT", f"TO:<{letter.recipient}>".encode())
        self._raise_if(answers.to_recipient(taken))

    async def _send_message(self, letter: Letter) -> None:
        """Send the message."""
        self.data_begun = True
        self._raise_if(answers.to_data(await self._ask(LaterError, b"DATA")))
        protocol = self._client.protocol
        if protocol is None or not protocol.is_connected:
            self._fail(LaterError(CHANNEL, Code.CONNECTION_LOST))
        self.message_begun = True
        try:
            # In one write: after a loss nothing tells how much was sent anyway.
            protocol.write(PERIOD_REGEX.sub(b"..", letter.content) + END_OF_DATA)
            answer = SmtpReply.of(await protocol.read_response(timeout=self._patience.taken))
        except (SMTPException, OSError) as error:
            failed = NoticeUnclearError(CHANNEL, code(error))
        else:
            self._needs_reset = False
            self._raise_if(answers.to_message(answer))
            return
        self._fail(failed)

    async def _ask(self, lost: type[ChannelError], *command: bytes) -> SmtpReply:
        """Send a command and return the reply; raise `lost` if there is none."""
        try:
            return SmtpReply.of(await self._client.execute_command(*command, timeout=self._patience.answer))
        except (SMTPException, OSError) as error:
            failed = lost(CHANNEL, code(error))
        return self._fail(failed)

    def _raise_if(self, error: ChannelError | None) -> None:
        if error is None:
            return
        if error.code == Code.ANSWER_UNKNOWN:
            self.drop()  # its next replies cannot be trusted either
        raise error

    def _fail(self, error: ChannelError) -> NoReturn:
        self.drop()
        raise error
