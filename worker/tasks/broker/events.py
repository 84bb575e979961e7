"""Events for Flower, rebuilt from a white list.

A sender can name any worker in an event, so workers seal their name. All other values shown are ids, numbers, or the
hub's own words. `task-sent`, which a web app's own Celery may send, is not shown.
"""

import hmac
import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from worker.tasks.broker.broadcast_envelope import UNREADABLE, Limits, json_object, packed
from worker.tasks.broker.message import REDACTED

SEAL = "seal"
EXCHANGE = "celeryev"  # Celery's name
LIMITS = Limits(size=262_144, containers=2_000)  # workers send the events of a quarter of a second together
LARGEST = 2**53
LAST_SECOND = 7_258_118_400.0  # of the year 2199: not every date format can show later ones

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSION = re.compile(r"[0-9][0-9a-z.]{0,15}")

Check = Callable[[object], bool]


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < LARGEST


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < LARGEST  # type: ignore[operator]


def _is_time(value: object) -> bool:
    return type(value) is float and math.isfinite(value) and 0 <= value < LAST_SECOND


def _is_offset(value: object) -> bool:
    return type(value) is int and -24 <= value <= 24


def _is_load(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))


def _is_version(value: object) -> bool:
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


_EVERY: dict[str, Check] = {"pid": _is_count, "timestamp": _is_time, "utcoffset": _is_offset}
_WORKER: dict[str, Check] = {
    "freq": _is_number,
    "active": _is_count,
    "processed": _is_count,
    "loadavg": _is_load,
    "sw_ident": lambda value: value == "py-celery",
    "sw_ver": _is_version,
    "sw_sys": lambda value: value in ("Linux", "Darwin"),
}
_TASK: dict[str, Check] = {"uuid": _is_id}
SHOWN: dict[str, dict[str, Check]] = {
    "worker-online": _WORKER,
    "worker-heartbeat": _WORKER,
    "worker-offline": _WORKER,
    "task-received": _TASK | {"root_id": _is_id, "parent_id": _is_id, "retries": _is_count},
    "task-started": _TASK,
    "task-succeeded": _TASK | {"runtime": _is_number},
    "task-failed": _TASK,
    "task-rejected": _TASK,
    "task-revoked": _TASK,
}
"""The events that workers send, with the fields that may be shown."""
HIDDEN: Mapping[str, tuple[str, ...]] = {
    "task-received": ("args", "kwargs"),
    "task-succeeded": ("result",),
    "task-failed": ("exception", "traceback"),
}
_NEEDED = {"task": {"uuid", "timestamp"}, "worker": {"timestamp"}}


def seal(hostname: str, key: bytes) -> str:
    """Return the seal of a worker's name, which proves to Flower that the worker is the hub's."""
    return hmac.digest(key, f"event of {hostname}".encode(), "sha256").hex()


def rebuild(data: bytes, key: bytes, tasks: Collection[str]) -> bytes | None:
    """Return a worker's events with the fields that may be shown; None for anything else."""
    try:
        envelope = json_object(LIMITS.read(data))
        hostname = json_object(envelope["headers"])["hostname"]
        if not hmac.compare_digest(envelope["headers"][SEAL], seal(hostname, key)):
            return None
        decoded = LIMITS.read_body(envelope)
        events = [
            _shown(json_object(event), hostname, tasks)
            for event in (decoded if isinstance(decoded, list) else [decoded])
        ]
    except UNREADABLE:
        return None
    return packed([event for event in events if event is not None], EXCHANGE)


def _shown(event: dict[str, Any], hostname: str, tasks: Collection[str]) -> dict[str, object] | None:
    kind = event["type"]
    checks = SHOWN.get(kind) if isinstance(kind, str) else None
    if checks is None or event["hostname"] != hostname:
        return None
    shown = {name: event[name] for name, check in (_EVERY | checks).items() if name in event and check(event[name])}
    if not shown.keys() >= _NEEDED[kind.partition("-")[0]]:
        return None
    if isinstance(event.get("name"), str) and event["name"] in tasks:
        shown["name"] = event["name"]
    # Without a clock Flower counts for itself; a sender's clock could be a number too long to print.
    return {"type": kind, "hostname": hostname, **shown, **dict.fromkeys(HIDDEN.get(kind, ()), REDACTED)}
