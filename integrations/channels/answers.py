"""What an SMTP server's answers mean: for the channel, for this recipient, or for this message.

Servers also refuse *us* when a recipient is named: Postfix, by default, tells only then that it does not like the
client or the sender. An address is given up only where an answer is about the address, and a message only where it is
about the message; else a wrong setting of the relay would cost every resident their address, or their reminder.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from aiosmtplib import SMTPResponse

from integrations.channels.base import (
    AddressRefusedError,
    ChannelError,
    LaterError,
    NoticeRefusedError,
    NoticeUnclearError,
    UnavailableError,
)

CHANNEL = "email"

TAKEN = range(200, 300)
LATER = range(400, 500)
REFUSED = range(500, 600)
GO_ON = 354  # send the message
CLOSING = 421

DETAIL = re.compile(r"[245]\.(\d{1,3})\.(\d{1,3})(?!\d)")  # RFC 3463: subject and detail
ADDRESS_STATUSES = frozenset({501, 521, 550, 551, 553, 556})  # where there is no detail
ADDRESS, MAILBOX, ROUTING, CONTENT = 1, 2, 4, 6
ABOUT_THE_SENDER = frozenset({7, 8})  # of ADDRESS
MAILBOX_DISABLED = 1  # of MAILBOX; a full one may be emptied
TOO_LARGE = 552  # where there is no detail
SIZES = frozenset({(2, 3), (3, 4)})
NOT_ASCII = 7  # of CONTENT: no such address is taken


class Code(StrEnum):
    """What went wrong, in one stable word."""

    NOT_WRITTEN = "not_written"  # a mistake of ours
    NOT_WRITABLE = "not_writable"  # a resident's name, address or plate
    NOT_CONNECTED = "not_connected"
    CERTIFICATE_WRONG = "certificate_wrong"
    TLS_FAILED = "tls_failed"
    STARTTLS_NOT_OFFERED = "starttls_not_offered"
    AUTHORITY_UNREADABLE = "authority_unreadable"
    NOT_GREETED = "not_greeted"
    SIGN_IN_NOT_OFFERED = "sign_in_not_offered"
    UNAUTHORISED = "unauthorised"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    CONNECTION_LOST = "connection_lost"
    ANSWER_UNKNOWN = "answer_unknown"
    SENDER_REFUSED = "sender_refused"
    RECIPIENT_LATER = "recipient_later"
    RECIPIENT_NOT_SERVED = "recipient_not_served"  # for good, though for another reason than the address
    ADDRESS_REFUSED = "address_refused"
    ADDRESS_MALFORMED = "address_malformed"
    SMTPUTF8_NOT_OFFERED = "smtputf8_not_offered"
    MESSAGE_LATER = "message_later"
    MESSAGE_NOT_SERVED = "message_not_served"  # for good, though for our sake: a policy, a quota, a setting
    MESSAGE_REFUSED = "message_refused"


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A server's answer without its text, which quotes addresses."""

    status: int
    detail: tuple[int, int] | None = None

    @classmethod
    def of(cls, response: SMTPResponse) -> Self:
        """Read the numbers of an answer."""
        found = DETAIL.match(response.message)
        return cls(response.code, (int(found[1]), int(found[2])) if found else None)


def to_sender(answer: SmtpReply, *, utf8: bool) -> ChannelError | None:
    """Judge the answer to MAIL; None: it goes on. `utf8` is what this one recipient needs and others do not."""
    if answer.status in TAKEN:
        return None
    if utf8 and answer.status in REFUSED:
        return LaterError(CHANNEL, Code.RECIPIENT_NOT_SERVED, status=answer.status)
    return _closing(answer) or UnavailableError(CHANNEL, Code.SENDER_REFUSED, status=answer.status)


def to_recipient(answer: SmtpReply) -> ChannelError | None:
    """Judge the answer to RCPT; None: it goes on."""
    if answer.status in TAKEN:
        return None
    if answer.status in REFUSED:
        if _about_the_address(answer):
            return AddressRefusedError(CHANNEL, Code.ADDRESS_REFUSED, status=answer.status)
        return LaterError(CHANNEL, Code.RECIPIENT_NOT_SERVED, status=answer.status)
    return _later(answer, Code.RECIPIENT_LATER)


def to_data(answer: SmtpReply) -> ChannelError | None:
    """Judge the answer to DATA; None: the message may be sent."""
    if answer.status == GO_ON:
        return None
    if answer.status in REFUSED:
        if _about_the_message(answer):
            return NoticeRefusedError(CHANNEL, Code.MESSAGE_REFUSED, status=answer.status)
        return LaterError(CHANNEL, Code.MESSAGE_NOT_SERVED, status=answer.status)
    return _later(answer, Code.MESSAGE_LATER)


def to_message(answer: SmtpReply) -> ChannelError | None:
    """Judge the answer to the whole message; None: it is taken."""
    if answer.status in TAKEN:
        return None
    if answer.status in REFUSED or answer.status in LATER:
        return to_data(answer)
    return NoticeUnclearError(CHANNEL, Code.ANSWER_UNKNOWN, status=answer.status)


def _closing(answer: SmtpReply) -> ChannelError | None:
    return UnavailableError(CHANNEL, Code.UNAVAILABLE, status=CLOSING) if answer.status == CLOSING else None


def _later(answer: SmtpReply, code: Code) -> LaterError:
    """Put one letter off: a server that closes after MAIL may do so because of it, and must not stop all others."""
    if answer.status == CLOSING:
        code = Code.UNAVAILABLE
    return LaterError(CHANNEL, code if answer.status in LATER else Code.ANSWER_UNKNOWN, status=answer.status)


def _about_the_message(answer: SmtpReply) -> bool:
    """Tell a refusal of what is written, or of its size, from one of us."""
    if answer.detail is None:
        return answer.status == TOO_LARGE
    return answer.detail[0] == CONTENT or answer.detail in SIZES


def _about_the_address(answer: SmtpReply) -> bool:
    match answer.detail:
        case None | (0, _):
            return answer.status in ADDRESS_STATUSES
        case (subject, detail) if subject == ADDRESS:
            return detail not in ABOUT_THE_SENDER
        case (subject, detail) if subject == MAILBOX:
            return detail == MAILBOX_DISABLED
        case (subject, detail) if subject == CONTENT:
            return detail == NOT_ASCII
        case (subject, _):
            return subject == ROUTING
    return False
