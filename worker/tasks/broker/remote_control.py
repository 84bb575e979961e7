"""Remote control over the broker: each command is rebuilt from a white list, so that nothing else reaches kombu.

kombu matches a sender's regular expression in the worker's main loop, adopts a sender's clock, and answers to any list
that a sender names. A rebuilt command keeps its method, the arguments known for it, the workers that it is for, and the
place where Celery's own clients wait for an answer.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from worker.tasks.broker.broadcast_envelope import UNREADABLE, Limits, json_object, packed

LIMITS = Limits(size=8_192, containers=64)  # of a command, its arguments and the names of its workers
MAX_NAMES = 100  # workers that a command is for, or tasks that it asks about
MAILBOX = "celery.pidbox"  # kombu's names
REPLIES = f"reply.{MAILBOX}"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NODE = re.compile(r"[A-Za-z0-9_.-]{1,64}@[A-Za-z0-9_.-]{1,128}")
_SHOWN_OF_TASKS = frozenset({"exchange", "routing_key", "rate_limit"})
_FIELDS = frozenset({"method", "arguments", "destination", "pattern", "matcher", "ticket", "reply_to"})

Check = Callable[[object], bool]


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _is_list_of(is_one: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= MAX_NAMES and all(map(is_one, value))


def _is_shown(value: object) -> bool:
    return isinstance(value, str) and value in _SHOWN_OF_TASKS


def _is_node(value: object) -> bool:
    return isinstance(value, str) and _NODE.fullmatch(value) is not None


COMMANDS: Mapping[str, Mapping[str, Check]] = {
    "active": {"safe": lambda value: value is None or _is_bool(value)},
    "active_queues": {},
    "conf": {"with_defaults": _is_bool},
    "enable_events": {},  # Flower asks for this when it starts
    "heartbeat": {},  # and for this
    "ping": {},
    "query_task": {"ids": _is_list_of(_is_id)},
    "registered": {
        "taskinfoitems": lambda value: value is None or _is_list_of(_is_shown)(value),
        "builtins": _is_bool,
    },
    "reserved": {},
    "revoked": {},
    "scheduled": {},
    "stats": {},
}
"""The commands that a worker answers, and their arguments: they only ask, and change nothing.

Without `hello`, which makes a worker ignore the tasks that it names, and `report`, which starts programs.
"""


def rebuild(data: bytes) -> bytes | None:
    """Return a command as Celery's clients send it; None if it is malformed or not in the white list."""
    try:
        envelope = json_object(LIMITS.read(data))
        if envelope["content-type"] != "application/json":
            return None
        if json_object(envelope["properties"])["body_encoding"] != "base64":
            return None
        return packed(_command(json_object(LIMITS.read_body(envelope))), MAILBOX)
    except UNREADABLE:
        return None


def _command(command: dict[str, Any]) -> dict[str, object]:
    """Rebuild a command.

    Raises:
        ValueError, TypeError, LookupError: a part of it is not in the white list.
    """
    destination = command.get("destination")
    # kombu would match a pattern here, and take a command without a destination as meant for all workers.
    if not command.keys() <= _FIELDS or command.get("pattern") is not None or command.get("matcher") is not None:
        raise ValueError
    if destination is not None and not _is_list_of(_is_node)(destination):
        raise ValueError
    checks, arguments = COMMANDS[command["method"]], json_object(command.get("arguments") or {})
    if not all(checks[name](value) for name, value in arguments.items()):
        raise ValueError
    built = {"method": command["method"], "arguments": arguments, "destination": destination}
    return built | _asking(command.get("reply_to"), command.get("ticket"))


def _asking(reply_to: object, ticket: object) -> dict[str, object]:
    if reply_to is None and ticket is None:
        return {}
    place = json_object(reply_to)
    # With another exchange, the answer could go to any queue of the hub.
    if place.keys() != {"exchange", "routing_key"} or place["exchange"] != REPLIES:
        raise ValueError
    if not _is_id(place["routing_key"]) or not _is_id(ticket):
        raise ValueError
    return {"reply_to": place, "ticket": ticket}


class Allowance:
    """A token bucket: `at_once` tokens, refilled `per_second`."""

    def __init__(self, at_once: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once, self._per_second, self._clock = at_once, per_second, clock
        self._left, self._since = at_once, clock()

    def take(self) -> bool:
        """Take one token if there is one; return whether there was."""
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._since) * self._per_second)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
