"""Classify an SMTP server's replies: about the channel, this recipient, or this message.

Servers also refuse *us* at RCPT: Postfix, by default, refuses a client or sender only then. So an address is refused
for good only if the reply is about the address, and a message only if it is about the message. Otherwise a wrong
setting of the relay would cost every resident their address, or their reminder.
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
ADDRESS_STATUSES = frozenset({501, 521, 550, 551, 553, 556})  # in replies without a detail
ADDRESS, MAILBOX, ROUTING, CONTENT = 1, 2, 4, 6
ABOUT_THE_SENDER = frozenset({7, 8})  # of ADDRESS
MAILBOX_DISABLED = 1  # of MAILBOX; a full mailbox may be emptied
TOO_LARGE = 552  # in replies without a detail
SIZES = frozenset({(2, 3), (3, 4)})
NOT_ASCII = 7  # of CONTENT: addresses outside of ASCII are refused


class Code(StrEnum):
    """The kind of failure; stable."""

    NOT_WRITTEN = "not_written"  # our own fault
    NOT_WRITABLE = "not_writable"  # the resident's name, address or plate cannot be encoded
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
    RECIPIENT_NOT_SERVED = "recipient_not_served"  # for good, but not because of the address
    ADDRESS_REFUSED = "address_refused"
    ADDRESS_MALFORMED = "address_malformed"
    SMTPUTF8_NOT_OFFERED = "smtputf8_not_offered"
    MESSAGE_LATER = "message_later"
    MESSAGE_NOT_SERVED = "message_not_served"  # for good, but because of us: a policy, a quota, a setting
    MESSAGE_REFUSED = "message_refused"


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A server's reply without its text, which quotes addresses."""

    status: int
    detail: tuple[int, int] | None = None

    @classmethod
    def of(cls, response: SMTPResponse) -> Self:
        """Read a reply's numbers."""
        found = DETAIL.match(response.message)
        return cls(response.code, (int(found[1]), int(found[2])) if found else None)


def to_sender(answer: SmtpReply, *, utf8: bool) -> ChannelError | None:
    """Return the error for a reply to MAIL; None: go on. With `utf8`, a refusal may be about this recipient only."""
    if answer.status in TAKEN:
        return None
    if utf8 and answer.status in REFUSED:
        return LaterError(CHANNEL, Code.RECIPIENT_NOT_SERVED, status=answer.status)
    return _closed(answer) or UnavailableError(CHANNEL, Code.SENDER_REFUSED, status=answer.status)


def to_recipient(answer: SmtpReply) -> ChannelError | None:
    """Return the error for a reply to RCPT; None: go on."""
    if answer.status in TAKEN:
        return None
    if answer.status in REFUSED:
        if _about_the_address(answer):
            return AddressRefusedError(CHANNEL, Code.ADDRESS_REFUSED, status=answer.status)
        return LaterError(CHANNEL, Code.RECIPIENT_NOT_SERVED, status=answer.status)
    return _later(answer, Code.RECIPIENT_LATER)


def to_data(answer: SmtpReply) -> ChannelError | None:
    """Return the error for a reply to DATA; None: send the message."""
    if answer.status == GO_ON:
        return None
    if answer.status in REFUSED:
        if _about_the_message(answer):
            return NoticeRefusedError(CHANNEL, Code.MESSAGE_REFUSED, status=answer.status)
        return LaterError(CHANNEL, Code.MESSAGE_NOT_SERVED, status=answer.status)
    return _later(answer, Code.MESSAGE_LATER)


def to_message(answer: SmtpReply) -> ChannelError | None:
    """Return the error for a reply to the message; None: it is accepted."""
    if answer.status in TAKEN:
        return None
    if answer.status in REFUSED or answer.status in LATER:
        return to_data(answer)
    return NoticeUnclearError(CHANNEL, Code.ANSWER_UNKNOWN, status=answer.status)


def _closed(answer: SmtpReply) -> ChannelError | None:
    return UnavailableError(CHANNEL, Code.UNAVAILABLE, status=CLOSING) if answer.status == CLOSING else None


def _later(answer: SmtpReply, code: Code) -> LaterError:
    """Defer one letter. If the server closes after MAIL, the letter may be the reason: do not stop the channel."""
    if answer.status == CLOSING:
        code = Code.UNAVAILABLE
    return LaterError(CHANNEL, code if answer.status in LATER else Code.ANSWER_UNKNOWN, status=answer.status)


def _about_the_message(answer: SmtpReply) -> bool:
    """Return whether a refusal is about the message's content or size."""
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
