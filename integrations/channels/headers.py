"""Write a message's headers, folded and encoded.

The library's own policy (`email.policy.SMTP`) encodes a link longer than a line, so that no mail program finds it, and
takes 12 ms a message. So values are written here, and the policy `WRITTEN` keeps them unchanged.
"""

import re
from email.header import Header
from email.policy import EmailPolicy
from email.utils import quote
from functools import lru_cache

LINE = 76  # of a header or of quoted-printable text
LONGEST_PLAIN_NAME = 50  # a longer name is encoded, so that it can be folded anywhere
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322: such a name needs no quotes
HALVES = re.compile("[\ud800-\udfff]")  # surrogates; UTF-8 cannot encode them


class Written(EmailPolicy):
    """Keep headers as they are: ASCII, folded, and without injected lines."""

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        """Keep a header's value unchanged."""
        if CONTROL.search(value.replace("\r\n ", "")):
            raise ValueError(f"{name} would not be one header")
        return name, value

    def header_max_count(self, name: str) -> None:
        """Set no limit; the library would make a class for each header to find one."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return a header's value unchanged; the library would parse it several times for each message."""
        return value


WRITTEN = Written(linesep="\r\n", max_line_length=LINE, refold_source="none")


def one_line(text: str) -> str:
    """Return a text as one line that can be encoded, without control characters."""
    written = HALVES.sub("\N{REPLACEMENT CHARACTER}", text)
    return " ".join(CONTROL.sub(" ", written).split())


@lru_cache(maxsize=128)
def subject(text: str) -> str:
    """Encode a subject; there are few different ones a day, without personal data."""
    return _encoded(one_line(text), "Subject")


def mailbox(header: str, name: str, address: str) -> str:
    """Return a name and address as a header value; only the address may have non-ASCII characters."""
    shown = one_line(name)
    if not shown:
        return address
    if shown.isascii() and len(shown) <= LONGEST_PLAIN_NAME and "=?" not in shown:  # the start of an encoded word
        phrase = shown if ATOMS.fullmatch(shown) else f'"{quote(shown)}"'
        return f"{phrase} <{address}>"
    return f"{_encoded(shown, header, plain=False)}\r\n <{address}>"


def _encoded(text: str, header: str, *, plain: bool = True) -> str:
    """Encode a text by RFC 2047, in words that each fit in a line."""
    charset = "us-ascii" if plain and text.isascii() else "utf-8"
    return Header(text, charset, maxlinelen=LINE, header_name=header, errors="replace").encode(linesep="\r\n")
