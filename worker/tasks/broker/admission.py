"""What a queue may hand to Celery: the raw list item is checked, and a new, plain message is built from it.

Only the task's name, its id, its arguments and, for the hub's own ticks, an expiry reach Celery. A control header with
a value (an ETA, a chord, a retry count…) is refused: to drop it would change what the sender asked for. All other
headers are dropped.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any

from pydantic import ValidationError

from schemas.jobs import KINDS, LARGEST_JOB, QUEUES
from schemas.receipts import RefusalCode
from worker.queues import provider_of
from worker.tasks.broker.arguments import Accepts
from worker.tasks.broker.message import message
from worker.tasks.broker.wire import (
    NEUTRAL_HEADERS,
    UnfitError,
    find_id,
    json_object,
    largest_message,
    read_call,
    read_envelope,
    task_id,
)

MAX_ID_LENGTH = 200  # an argument that is not a job is an id or a name
MAX_LOST_CHILDREN = 3  # a message whose task has ended this many processes is not tried again
MAX_CONTAINERS = 25_000  # in the text of a job: an import of 1,000 rows full of terms, at 50 bytes a term

_EMBEDDED = frozenset({"callbacks", "errbacks", "chain", "chord"})


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A refused message: ids, codes and sizes, never its content.

    `task_id` and `kind` are set if they were read and are a UUID and a registered name; `digest` is a keyed hash of the
    raw item.
    """

    code: RefusalCode
    field: str | None
    queue: str
    task_id: str | None
    kind: str | None
    size: int
    digest: str


class Admission:
    """The check of one worker: the tasks it knows, and the key for digests."""

    def __init__(self, tasks: Mapping[str, Accepts], hash_key: bytes) -> None:
        self._tasks = tasks
        self._hash_key = hash_key

    def admit(self, item: bytes, queue: str) -> dict[str, Any] | RefusedMessage:
        """Return the message for Celery, or why this item is refused."""
        names: dict[str, str | None] = {"task_id": None, "kind": None}
        try:
            return self._rebuild(item, queue, names)
        except UnfitError as unfit:
            return self.refused(item, queue, unfit.code, unfit.field, **names)

    def refused(
        self, item: bytes, queue: str, code: RefusalCode, field: str | None, task_id: str | None, kind: str | None
    ) -> RefusedMessage:
        """Return the refusal of this item."""
        digest = hmac.digest(self._hash_key, item, "sha256").hex()
        return RefusedMessage(code, field, queue, task_id, kind, len(item), digest)

    def _rebuild(self, item: bytes, queue: str, names: dict[str, str | None]) -> dict[str, Any]:
        if len(item) > largest_message(queue):
            names["task_id"] = find_id(item)
            raise UnfitError(RefusalCode.TOO_LARGE, None)
        envelope = read_envelope(item)
        headers = json_object(envelope.get("headers"), "headers")
        names["task_id"] = own_id = task_id(headers.get("id"))
        kind = headers.get("task")
        if not isinstance(kind, str) or kind not in self._tasks:
            raise UnfitError(RefusalCode.UNKNOWN_KIND, "headers.task")
        names["kind"] = kind
        accepted = self._tasks[kind]
        if queue not in accepted.queues:
            raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "queue")
        for name, neutral in NEUTRAL_HEADERS.items():
            if name in headers and headers[name] not in neutral:
                raise UnfitError(RefusalCode.MALFORMED_MESSAGE, f"headers.{name}")
        _check_time_limits(headers.get("timelimit"))
        expires = _expires(headers.get("expires"), kind)
        lost = headers.get("lost_children", 0)
        if type(lost) is not int or not 0 <= lost < MAX_LOST_CHILDREN:
            raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.lost_children")
        body = _check_transfer(envelope)
        _check_call(read_call(body), accepted, kind, queue)
        redelivered = headers.get("redelivered") is True
        return message(body, kind, own_id, queue, expires=expires, lost=lost, redelivered=redelivered)


def _check_time_limits(value: object) -> None:
    """Refuse malformed limits; valid ones (Celery sends them along) are dropped, as ours hold for every task."""
    pair = value if isinstance(value, list) else [value, None]
    if len(pair) != 2 or any(type(limit) not in (int, float, NoneType) for limit in pair):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.timelimit")


def _expires(value: object, kind: str) -> str | None:
    """Return the expiry of a tick of the hub's own. A job must not expire: that would lose a change."""
    if value is None:
        return None
    if kind not in KINDS and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None and 2000 <= moment.year <= 2200:
            return moment.isoformat()
    raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.expires")


def _check_transfer(envelope: Mapping[str, Any]) -> bytes:
    """Return the decoded body of an envelope in the form that Celery's clients send."""
    for name, expected in (("content-type", "application/json"), ("content-encoding", "utf-8")):
        if envelope.get(name) != expected:
            raise UnfitError(RefusalCode.MALFORMED_MESSAGE, name)
    properties = json_object(envelope.get("properties"), "properties")
    json_object(properties.get("delivery_info"), "properties.delivery_info")
    if not isinstance(properties.get("delivery_tag"), str):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "properties.delivery_tag")
    if properties.get("body_encoding") != "base64":
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "properties.body_encoding")
    try:
        return base64.b64decode(envelope["body"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "body") from None


def _check_call(body: object, accepted: Accepts, kind: str, queue: str) -> None:
    if not isinstance(body, list) or len(body) != 3:
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "body")
    args, kwargs, embed = body
    if not isinstance(args, list) or not accepted.required <= len(args) <= len(accepted.types):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "args")
    if kwargs != {}:
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "kwargs")
    if not isinstance(embed, dict) or not embed.keys() <= _EMBEDDED or any(v not in (None, []) for v in embed.values()):
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "embed")
    limit = LARGEST_JOB[QUEUES[kind]] if kind in KINDS else MAX_ID_LENGTH
    for index, value in enumerate(args):
        _check_argument(value, index, accepted, limit)
    provider = provider_of(queue)
    if provider is not None and args and args[0] != provider:
        raise UnfitError(RefusalCode.MALFORMED_MESSAGE, "queue")  # a lane has access to its own provider only


def _check_argument(value: object, index: int, accepted: Accepts, limit: int) -> None:
    field = f"args.{index}"
    if type(value) not in accepted.types[index]:
        raise UnfitError(RefusalCode.WRONG_TYPE, field)
    if isinstance(value, str):
        _check_text(value, field, limit)
    try:
        accepted.checks[index].validate_python(value)
    except ValidationError:
        raise UnfitError(RefusalCode.INVALID_VALUE, field) from None


def _check_text(value: str, field: str, limit: int) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:  # half a surrogate pair: JSON can express it, UTF-8 cannot
        raise UnfitError(RefusalCode.NOT_JSON, field) from None
    if size > limit or value.count("{") + value.count("[") > MAX_CONTAINERS:
        raise UnfitError(RefusalCode.TOO_LARGE, field)
