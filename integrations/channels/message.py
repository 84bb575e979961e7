"""A notice as an e-mail: the same bytes for the same notice at the same moment."""

import quopri
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache

from email_validator import validate_email

from integrations.channels.answers import CHANNEL, Code
from integrations.channels.base import AddressRefusedError, Notice
from integrations.channels.headers import WRITTEN, mailbox, subject
from integrations.channels.settings import EmailSettings, Sender
from integrations.channels.wording import words


@dataclass(frozen=True, slots=True)
class Letter:
    """A message and its recipient."""

    recipient: str = field(repr=False)  # the domain is ASCII; the part before the @ may not be
    content: bytes = field(repr=False)

    @property
    def needs_utf8(self) -> bool:
        """Return whether the server needs SMTPUTF8."""
        return not self.recipient.isascii()


def compose(notice: Notice, access: EmailSettings, now: datetime) -> Letter:
    """Compose a notice's message with the date `now`.

    Raises:
        AddressRefusedError: the address is malformed.
    """
    recipient = _recipient(notice.address)
    stop_url = f"{access.unsubscribe_url}{notice.token}"
    said = words(notice, access.space_url, stop_url)
    message = EmailMessage(policy=WRITTEN.clone(utf8=not recipient.isascii()))
    message["From"] = _from(access.sender)
    message["To"] = mailbox("To", notice.name, recipient)
    message["Subject"] = subject(said.subject)
    message["Date"] = format_datetime(now.astimezone(UTC))
    message["Message-ID"] = f"<{notice.reminder_id}@{access.sender.domain}>"
    message["Content-Language"] = notice.language.value
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"  # for Exchange; delivery reports are welcome
    message["List-Unsubscribe"] = f"<{stop_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["MIME-Version"] = "1.0"
    # A quoted-printable text never has "=_", so no line looks like the boundary.
    message["Content-Type"] = f'multipart/alternative;\r\n boundary="=_{notice.reminder_id.hex}"'
    message.set_payload([_part("plain", said.text), _part("html", said.html)])
    return Letter(recipient, message.as_bytes())


@lru_cache(maxsize=8)
def _from(sender: Sender) -> str:
    return mailbox("From", sender.name, sender.address)


def _part(subtype: str, text: str) -> EmailMessage:
    """Return a quoted-printable part, which is readable in the message's source."""
    part = EmailMessage(policy=WRITTEN)
    part["Content-Type"] = f"text/{subtype}; charset=utf-8"
    part["Content-Transfer-Encoding"] = "quoted-printable"
    part.set_payload(quopri.encodestring(text.encode()).decode("ascii"))
    return part


def _recipient(address: str) -> str:
    """Return the address with its domain in ASCII."""
    try:
        known = validate_email(address, check_deliverability=False)
    except ValueError:  # EmailNotValidError is one; its message quotes the address
        known = None
    if known is None:
        raise AddressRefusedError(CHANNEL, Code.ADDRESS_MALFORMED)
    return f"{known.local_part}@{known.ascii_domain}"
