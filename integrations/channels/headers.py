"""Headers as they stand in a message, folded and encoded.

The library's own way (`email.policy.SMTP`) encodes a link that is longer than a line, so that no mail program finds it,
and takes 12 ms a message. So values are written out here, and `WRITTEN` leaves them as they are.
"""

import re
from email.header import Header
from email.policy import EmailPolicy
from email.utils import quote
from functools import lru_cache

LINE = 76  # of a header or of quoted-printable text
LONGEST_PLAIN_NAME = 50  # a longer name is encoded, since only that can be folded anywhere
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # RFC 5322: a name of these needs no quotes
HALVES = re.compile("[\ud800-\udfff]")  # of a character: UTF-8 has none


class Written(EmailPolicy):
    """Headers that are ready to be sent: ASCII, folded, and without a line of anybody else's making."""

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        """Keep a header's value as it is."""
        if CONTROL.search(value.replace("\r\n ", "")):
            raise ValueError(f"{name} would not be one header")
        return name, value

    def header_max_count(self, name: str) -> None:
        """Set no limit: the library would make a class for each header just to ask it for one."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """Return a header's value as it is: the library looks at each several times while it writes a message out."""
        return value


WRITTEN = Written(linesep="\r\n", max_line_length=LINE, refold_source="none")


def one_line(text: str) -> str:
    """Return a text of a person's as one line that can be written out, without control characters."""
    written = HALVES.sub("\N{REPLACEMENT CHARACTER}", text)
    return " ".join(CONTROL.sub(" ", written).split())


@lru_cache(maxsize=128)
def subject(text: str) -> str:
    """Encode a subject; there are few on any day, and none names a person."""
    return _encoded(one_line(text), "Subject")


def mailbox(header: str, name: str, address: str) -> str:
    """Write out one person's name and address; only the address may bring in other characters than ASCII."""
    shown = one_line(name)
    if not shown:
        return address
    if shown.isascii() and len(shown) <= LONGEST_PLAIN_NAME and "=?" not in shown:  # which begins what is encoded
        phrase = shown if ATOMS.fullmatch(shown) else f'"{quote(shown)}"'
        return f"{phrase} <{address}>"
    return f"{_encoded(shown, header, plain=False)}\r\n <{address}>"


def _encoded(text: str, header: str, *, plain: bool = True) -> str:
    """Encode a text as RFC 2047 says, in words of which each fits in a line."""
    charset = "us-ascii" if plain and text.isascii() else "utf-8"
    return Header(text, charset, maxlinelen=LINE, header_name=header, errors="replace").encode(linesep="\r\n")
