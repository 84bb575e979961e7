"""Read messages, also hostile ones: a part that cannot be decoded is returned as it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from itertools import takewhile

from ops.mailbox.store import DELIVERED_TO

LONGEST_HEADER = 2_000  # characters; the rest is cut off
_WORD = r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?="
ENCODED = re.compile(rf"{_WORD}(?:\s+{_WORD})*")  # word by word, since the library can lose letters between them


@dataclass(frozen=True, slots=True)
class Head:
    """The recipients of a message, and its decoded headers."""

    recipients: tuple[str, ...] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)

    def first(self, name: str) -> str | None:
        """Return the first header of a name."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Body:
    """The first part of a message that is plain text, and the first that is HTML."""

    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)


def head(raw: bytes) -> Head:
    """Read the recipients and the headers of a message, or of its beginning."""
    headers = [(name, _decoded(str(value))) for name, value in BytesHeaderParser().parsebytes(raw).raw_items()]
    recipients = [value for _, value in takewhile(lambda header: header[0] == DELIVERED_TO, headers)]
    return Head(tuple(recipients), tuple(headers[len(recipients) :]))


def body(raw: bytes) -> Body:
    """Read the first text part and the first HTML part."""
    try:
        parts = list(_parts(BytesParser().parsebytes(raw)))
    except Exception:  # the parser fails in many ways, such as at deep nesting
        return Body()
    return Body(*(next((text for kind, text in parts if kind == wanted), None) for wanted in ("plain", "html")))


def _parts(message: Message) -> Iterator[tuple[str, str]]:
    for part in message.walk():
        if part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            yield part.get_content_subtype(), _text(payload, part.get_content_charset("utf-8"))


def _text(payload: bytes, charset: str) -> str:
    try:
        return payload.decode(charset, "replace")
    except (LookupError, ValueError):  # an unknown charset, or one that cannot replace
        return payload.decode("utf-8", "replace")


def _decoded(value: str) -> str:
    """Return a header unfolded and decoded; malformed words stay as they are."""
    unfolded = "".join(value.encode("ascii", "surrogateescape").decode("utf-8", "replace").splitlines())
    shown = unfolded[:LONGEST_HEADER]
    return ENCODED.sub(lambda words: _meant(words[0]), shown)


def _meant(words: str) -> str:
    try:
        return str(make_header(decode_header(words)))
    except (HeaderParseError, LookupError, ValueError):
        return words
