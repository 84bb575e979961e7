"""Decompress, decode and parse the body of an answer."""

import codecs
import json
import zlib

import httpx

from integrations.errors import FailureCode

LARGEST_ANSWER = 1_000_000  # bytes, compressed and decompressed

CHARSETS = frozenset({"iso8859-1", "iso8859-15", "cp1252"})
"""Charsets of old servers' JSON, if declared; UTF-8, UTF-16 and UTF-32 are recognised without."""

GZIP, ZLIB, BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
FORMS = {"gzip": (GZIP,), "x-gzip": (GZIP,), "deflate": (ZLIB, BARE)}  # some send deflate without the zlib header
GZIP_BEGINS = b"\x1f\x8b"  # no JSON begins so; some gateways compress without saying so


class UnreadableError(Exception):
    """A body cannot be read; `code` says why."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(code)
        self.code = code


def read(raw: bytes, response: httpx.Response) -> object:
    """Return the JSON of an answer; None for a success without a body.

    Raises:
        UnreadableError: the body is not JSON, or in an unknown encoding or charset.
    """
    body = _decompressed(raw, response.headers) if raw else raw
    if not body.strip() and response.is_success:
        return None
    try:
        return _parse(body, response.charset_encoding)
    except (ValueError, RecursionError):
        raise UnreadableError(FailureCode.ANSWER_UNREADABLE) from None


def _parse(body: bytes, charset: str | None) -> object:
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


def _decompressed(raw: bytes, headers: httpx.Headers) -> bytes:
    """Return a body decompressed; some gateways compress although we ask for `identity`."""
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
            return _inflate(raw, form)
        except zlib.error:
            continue
    raise UnreadableError(FailureCode.ENCODING_BROKEN)


def _inflate(raw: bytes, form: int) -> bytes:
    """Decompress one or several pieces, up to the limit of uncompressed bodies."""
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
