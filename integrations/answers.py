"""What an answer's bytes say: undone from their encoding, read as text, parsed as JSON; or why they cannot be read."""

import json
import zlib

import httpx

from integrations.errors import FailureCode

LARGEST_ANSWER = 1_000_000  # bytes, as they come and when they are unpacked

CHARSETS = frozenset({"iso-8859-1", "latin-1", "latin1", "iso-8859-15", "windows-1252", "cp1252"})
"""What old servers write JSON in, if they say so; anything of Unicode is recognised by itself."""

GZIP, ZLIB, BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
FORMS = {"gzip": (GZIP,), "x-gzip": (GZIP,), "deflate": (ZLIB, BARE)}  # some send deflate without its frame
NO_BODY = b""


class UnreadableError(Exception):
    """A body cannot be read; `code` says why."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(code)
        self.code = code


def read(raw: bytes, response: httpx.Response) -> object:
    """Return the JSON of an answer; None for a success without a body.

    Raises:
        UnreadableError: it is none, or not in a form that we read.
    """
    if raw == NO_BODY and response.is_success:
        return None
    body = _unpacked(raw, response.headers)
    try:
        return _parsed(body, response.charset_encoding)
    except (ValueError, RecursionError):
        raise UnreadableError(FailureCode.ANSWER_UNREADABLE) from None


def _parsed(body: bytes, charset: str | None) -> object:
    try:
        return json.loads(body)  # UTF-8, UTF-16 or UTF-32, with a byte order mark or without
    except UnicodeDecodeError:
        if charset is None or charset.lower() not in CHARSETS:
            raise UnreadableError(FailureCode.CHARSET_UNKNOWN) from None
    return json.loads(body.decode(charset))


def _unpacked(raw: bytes, headers: httpx.Headers) -> bytes:
    """Return a body as it was before it was compressed; nobody asked for that, but some gateways do it all the same."""
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    done = [name for name in names if name not in {"", "identity"}]
    if not done:
        return raw
    if len(done) > 1 or done[0] not in FORMS:
        raise UnreadableError(FailureCode.ENCODING_UNKNOWN)
    for form in FORMS[done[0]]:
        try:
            return _inflated(raw, form)
        except zlib.error:
            continue
    raise UnreadableError(FailureCode.ENCODING_BROKEN)


def _inflated(raw: bytes, form: int) -> bytes:
    """Return what was compressed, in one piece or in several; never more than we would read uncompressed."""
    found = bytearray()
    while raw:
        piece = zlib.decompressobj(form)
        found += piece.decompress(raw, LARGEST_ANSWER + 1 - len(found))
        if len(found) > LARGEST_ANSWER:
            raise UnreadableError(FailureCode.ANSWER_TOO_LARGE)
        if not piece.eof:
            raise zlib.error("cut short")
        raw = piece.unused_data
    return bytes(found)
