"""What a queue may hand to Celery: the raw list item is checked, and a new, plain message is built from what passed.

Nothing that a sender wrote reaches Celery but the task's name, its id, its arguments and, for the hub's own ticks, an
expiry. A control header with a value in it (an ETA, a chord, a retry count…) is refused, as dropping it would do
something else than what was asked; every other header is dropped.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints
from uuid import uuid4

from schemas.jobs import KINDS, MAX_JOB_BYTES, QUEUES
from schemas.receipts import RefusalCode

MAX_MESSAGE_BYTES = 4 * MAX_JOB_BYTES  # JSON in JSON in base64 makes of a job's worst byte three, and of those four
MAX_ID_LENGTH = 200  # an argument that is not a job is an id or a name
MAX_LOST_CHILDREN = 3  # a message whose task has taken this many processes with it is not tried again
REDACTED = "<redacted>"
TAIL_BYTES = 4_096  # headers and properties follow the body: an id is looked for here when the whole is too large

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TASK_ID = re.compile(_UUID)
_ID_IN_TAIL = re.compile(rb'"(?:correlation_)?id": ?"(' + _UUID.encode() + rb')"')
_SCALARS = frozenset({str, int, float, bool, NoneType})
_NEUTRAL_HEADERS: Mapping[str, tuple[object, ...]] = {
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
_EMBEDDED = frozenset({"callbacks", "errbacks", "chain", "chord"})


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that does not reach a task: ids, codes and sizes, never what was in it.

    `task_id` and `kind` are there when they could be read and are a UUID and a registered name; `digest` is a keyed
    hash of the raw item.
    """

    code: RefusalCode
    field: str | None
    queue: str
    task_id: str | None
    kind: str | None
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Accepts:
    """The arguments that a task takes, by position: the exact types of each."""

    types: tuple[frozenset[type], ...]
    required: int


def accepts(run: Callable[..., object]) -> Accepts:
    """Read from a task's annotations what its messages may carry: scalars by position.

    Raises:
        TypeError: the task is declared with something else.
    """
    hints = get_type_hints(run)
    types, required = [], 0
    for name, parameter in signature(run).parameters.items():
        hint = hints.get(name)
        allowed = frozenset(get_args(hint) if isinstance(hint, UnionType) else {hint})
        if parameter.kind is not Parameter.POSITIONAL_OR_KEYWORD or not allowed <= _SCALARS:
            raise TypeError(f"{run.__qualname__}: {name} must be an annotated scalar, given by position")
        types.append(allowed)
        required += parameter.default is Parameter.empty
    return Accepts(tuple(types), required)


class _UnfitError(Exception):
    def __init__(self, code: RefusalCode, field: str | None) -> None:
        super().__init__(code.value)
        self.code = code
        self.field = field


class Admission:
    """The check of one worker: which tasks it knows, and the key for digests."""

    def __init__(self, tasks: Mapping[str, Accepts], hash_key: bytes) -> None:
        self._tasks = tasks
        self._hash_key = hash_key

    def admit(self, item: bytes, queue: str) -> dict[str, Any] | RefusedMessage:
        """Return the message that Celery may have, or why it may not have this one."""
        names: dict[str, str | None] = {"task_id": None, "kind": None}
        try:
            return self._rebuild(item, queue, names)
        except _UnfitError as unfit:
            return self.refused(item, queue, unfit.code, unfit.field, **names)

    def refused(
        self, item: bytes, queue: str, code: RefusalCode, field: str | None, task_id: str | None, kind: str | None
    ) -> RefusedMessage:
        """Describe a refusal of this item."""
        digest = hmac.digest(self._hash_key, item, "sha256").hex()
        return RefusedMessage(code, field, queue, task_id, kind, len(item), digest)

    def _rebuild(self, item: bytes, queue: str, names: dict[str, str | None]) -> dict[str, Any]:
        if len(item) > MAX_MESSAGE_BYTES:
            if found := _ID_IN_TAIL.search(item[-TAIL_BYTES:]):
                names["task_id"] = found[1].decode()
            raise _UnfitError(RefusalCode.TOO_LARGE, None)
        envelope = _object(_parse(item, None), "envelope")
        headers = _object(envelope.get("headers"), "headers")
        names["task_id"] = task_id = _task_id(headers.get("id"))
        kind = headers.get("task")
        if not isinstance(kind, str) or kind not in self._tasks:
            raise _UnfitError(RefusalCode.UNKNOWN_KIND, "headers.task")
        names["kind"] = kind
        if kind in QUEUES and queue != QUEUES[kind]:
            raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "queue")
        for name, neutral in _NEUTRAL_HEADERS.items():
            if name in headers and headers[name] not in neutral:
                raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, f"headers.{name}")
        _check_time_limits(headers.get("timelimit"))
        expires = _expires(headers.get("expires"), kind)
        lost = headers.get("lost_children", 0)
        if type(lost) is not int or lost >= MAX_LOST_CHILDREN:
            raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.lost_children")
        body = _check_transfer(envelope)
        _check_call(_parse(body, "body"), self._tasks[kind], is_job=kind in KINDS)
        return _message(body, kind, task_id, queue, expires, lost, redelivered=headers.get("redelivered") is True)


def _parse(text: bytes, field: str | None) -> object:
    try:
        parsed: object = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise _UnfitError(RefusalCode.NOT_JSON, field) from None
    return parsed


def _object(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, field)
    return value


def _task_id(value: object) -> str:
    if not isinstance(value, str) or not _TASK_ID.fullmatch(value):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.id")
    return value


def _check_time_limits(value: object) -> None:
    """Refuse garbage; limits themselves are dropped, as ours hold for every task (and Celery sends them along)."""
    pair = value if isinstance(value, list) else [value, None]
    if len(pair) != 2 or any(type(limit) not in (int, float, NoneType) for limit in pair):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.timelimit")


def _expires(value: object, kind: str) -> str | None:
    """Let only the hub's own ticks expire: a job that lapses unseen would be a change lost."""
    if value is None:
        return None
    if kind not in KINDS and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None and 2000 <= moment.year <= 2200:
            return moment.isoformat()
    raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "headers.expires")


def _check_transfer(envelope: Mapping[str, Any]) -> bytes:
    """Return the decoded body of an envelope that is what Celery's clients send."""
    for name, expected in (("content-type", "application/json"), ("content-encoding", "utf-8")):
        if envelope.get(name) != expected:
            raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, name)
    properties = _object(envelope.get("properties"), "properties")
    _object(properties.get("delivery_info"), "properties.delivery_info")
    if not isinstance(properties.get("delivery_tag"), str):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "properties.delivery_tag")
    if properties.get("body_encoding") != "base64":
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "properties.body_encoding")
    try:
        return base64.b64decode(envelope["body"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "body") from None


def _check_call(body: object, accepted: Accepts, *, is_job: bool) -> None:
    if not isinstance(body, list) or len(body) != 3:
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "body")
    args, kwargs, embed = body
    if not isinstance(args, list) or not accepted.required <= len(args) <= len(accepted.types):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "args")
    if kwargs != {}:
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "kwargs")
    if not isinstance(embed, dict) or not embed.keys() <= _EMBEDDED or any(v not in (None, []) for v in embed.values()):
        raise _UnfitError(RefusalCode.MALFORMED_MESSAGE, "embed")
    for index, (value, allowed) in enumerate(zip(args, accepted.types, strict=False)):
        if type(value) not in allowed:
            raise _UnfitError(RefusalCode.WRONG_TYPE, f"args.{index}")
        if isinstance(value, str):
            _check_text(value, f"args.{index}", MAX_JOB_BYTES if is_job else MAX_ID_LENGTH)


def _check_text(value: str, field: str, limit: int) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:  # half a surrogate pair: JSON can say it, UTF-8 cannot
        raise _UnfitError(RefusalCode.NOT_JSON, field) from None
    if size > limit:
        raise _UnfitError(RefusalCode.TOO_LARGE, field)


def _message(
    body: bytes, kind: str, task_id: str, queue: str, expires: str | None, lost: int, *, redelivered: bool
) -> dict[str, Any]:
    return {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "lang": "py",
            "task": kind,
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "expires": expires,
            "retries": 0,
            "argsrepr": REDACTED,
            "kwargsrepr": REDACTED,
            "lost_children": lost,
        },
        "properties": {
            "correlation_id": task_id,
            "delivery_mode": 2,
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),  # the sender's could be another message's
            "delivery_info": {"exchange": "", "routing_key": queue, "redelivered": redelivered},
        },
    }
