"""From an answer's bytes to its JSON: unpacked, decoded, parsed; or why it cannot be read."""

import codecs
import json
import zlib

import httpx

from integrations.errors import FailureCode

LARGEST_ANSWER = 1_000_000  # bytes, as they come and when they are unpacked

CHARSETS = frozenset({"iso8859-1", "iso8859-15", "cp1252"})
"""What old servers write JSON in, if they say so by any of its names; anything of Unicode is recognised by itself."""

GZIP, ZLIB, BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
FORMS = {"gzip": (GZIP,), "x-gzip": (GZIP,), "deflate": (ZLIB, BARE)}  # some send deflate without its frame
GZIP_BEGINS = b"\x1f\x8b"  # as no JSON does; a transfer coding, and some gateways, do not announce it here


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
    body = _unpacked(raw, response.headers) if raw else raw
    if not body.strip() and response.is_success:
        return None
    try:
        return _parsed(body, response.charset_encoding)
    except (ValueError, RecursionError):
        raise UnreadableError(FailureCode.ANSWER_UNREADABLE) from None


def _parsed(body: bytes, charset: str | None) -> object:
    try:
        return json.loads(body)  # UTF-8, UTF-16 or UTF-32, with a byte order mark or without
    except UnicodeDecodeError:
        codec = _codec(charset)
    return json.loads(body.decode(codec))


def _codec(charset: str | None) -> str:
    try:
        codec = codecs.lookup(charset or "").name
    except (LookupError, ValueError):
        codec = ""
    if codec not in CHARSETS:
        raise UnreadableError(FailureCode.CHARSET_UNKNOWN) from None
    return codec


def _unpacked(raw: bytes, headers: httpx.Headers) -> bytes:
    """Return a body uncompressed; we ask for no compression, but some gateways compress all the same."""
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    done = [name for name in names if name not in {"", "identity"}]
    if not done and raw.startswith(GZIP_BEGINS):
        done = ["gzip"]
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
        raw = piece.unused_data.lstrip(b"\0")  # padding
    return bytes(found)
