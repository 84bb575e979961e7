"""From the bytes of a list item to its parts. The cost is bounded by the item's size, whatever its shape.

An honest message is small but for two strings: the body in base64, and in it the job as text. These two are cut out
first, so that only small texts are parsed whole. Anything else that is large, such as a million empty lists, is refused
unread.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from schemas.jobs import LARGEST_JOB
from schemas.receipts import RefusalCode

ENVELOPE_BYTES = 16_384  # all but the body; Celery's clients may show a thousand characters of arguments
CALL_BYTES = 4_096  # the body without the job
SMALL_ARGUMENTS = 1_024  # of a task that is no job
# JSON in JSON makes three bytes of a job's worst byte (é, two bytes, becomes six), and base64 makes four of those.
GROWTH = 4
ID_BYTES = 4_096  # at each end of an unread item, where its id is looked for

NEUTRAL_HEADERS: Mapping[str, tuple[object, ...]] = {
    "eta": (None,),
    "retries": (None, 0),
    "group": (None,),
    "group_index": (None,),
    "chord": (None,),
    "chain": (None, []),
    "callbacks": (None, []),
    "errbacks": (None, []),
    "replaced_task_nesting": (None, 0),
    "stamped_headers": (None, []),
    "stamps": (None, {}),
    "compression": (None,),
}
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TASK_ID = re.compile(_UUID)
_SOME_ID = re.compile(rb'"(?:correlation_)?id": ?"(' + _UUID.encode() + rb')"')
_LONG_BODY = re.compile(rb'"body"\s*+:\s*+"([A-Za-z0-9+/=\\]{64,}+)"')  # a backslash: some write \/ or \u002B
_LONG_ARGUMENT = re.compile(rb'\s*+\[\s*+\[\s*+(?=")')
_CUT_OUT = uuid4().hex
_DECODER = json.JSONDecoder()


class UnfitError(Exception):
    """A message is refused before its task: a code, and the part at fault."""

    def __init__(self, code: RefusalCode, field: str | None) -> None:
        super().__init__(code.value)
        self.code = code
        self.field = field


def largest_message(queue: str) -> int:
    """Return how many bytes an item of a queue may have."""
    return GROWTH * LARGEST_JOB.get(queue, SMALL_ARGUMENTS) + ENVELOPE_BYTES


def find_id(item: bytes) -> str | None:
    """Return the id near an end of an unread item; None if there is none."""
    found = _SOME_ID.search(item[-ID_BYTES:]) or _SOME_ID.search(item[:ID_BYTES])
    return found and found[1].decode()


def read_envelope(item: bytes) -> dict[str, Any]:
    """Read a list item; its `body` stays text.

    Raises:
        UnfitError: it is not JSON, no object, or too large without its body.
    """
    if len(item) <= ENVELOPE_BYTES:
        return json_object(read(item, None), "envelope")
    long = _LONG_BODY.search(item)
    rest = len(item) - (len(long[1]) if long else 0)
    if long is None or rest > ENVELOPE_BYTES:
        raise UnfitError(RefusalCode.TOO_LARGE, "envelope")
    envelope = json_object(read(item[: long.start(1)] + _CUT_OUT.encode() + item[long.end(1) :], None), "envelope")
    if envelope.get("body") != _CUT_OUT:  # the long string was another field's
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "body")
    return envelope | {"body": read(b'"' + long[1] + b'"', "body")}


def read_call(body: bytes) -> object:
    """Read the body of a message: arguments, keyword arguments, and Celery's embedded parts.

    Raises:
        UnfitError: it is not JSON, or too large without its first argument.
    """
    if len(body) <= CALL_BYTES:
        return read(body, "body")
    long = _LONG_ARGUMENT.match(body)
    if long is None:
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "args")
    text = _decoded(body, "body")
    try:
        argument, end = _DECODER.raw_decode(text, long.end())  # what precedes it is ASCII
    except ValueError:
        raise UnfitError(RefusalCode.NOT_JSON, "body") from None
    if len(text) - end > CALL_BYTES:
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "args")
    call: Any = read(f'[[""{text[end:]}'.encode(errors="surrogatepass"), "body")
    call[0][0] = argument
    return call


def read(text: bytes, field: str | None) -> object:
    """Parse a small text.

    Raises:
        UnfitError: it is not JSON.
    """
    try:
        parsed: object = json.loads(_decoded(text, field))
    except (ValueError, RecursionError):
        raise UnfitError(RefusalCode.NOT_JSON, field) from None
    return parsed


def json_object(value: object, field: str) -> dict[str, Any]:
    """Return a value that must be an object.

    Raises:
        UnfitError: it is something else.
    """
    if not isinstance(value, dict):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, field)
    return value


def task_id(value: object) -> str:
    """Return a value that must be a task's id.

    Raises:
        UnfitError: it is something else.
    """
    if not isinstance(value, str) or not _TASK_ID.fullmatch(value):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.id")
    return value


def _decoded(text: bytes, field: str | None) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise UnfitError(RefusalCode.NOT_JSON, field) from None
