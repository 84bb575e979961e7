"""Hide a task's arguments, results and errors outside of it: in `inspect`, Flower, events, logs and results."""

import re
from typing import Any

from celery import signals
from celery.worker.request import Request

from worker.tasks.broker.message import REDACTED

_HIDDEN = ("args", "kwargs", "result", "exception", "traceback")
_OUR_CODE = re.compile(r"[a-z_]{1,40}")


class TaskFailedError(Exception):
    """A task failed: the error's class and, if it has one of ours, its code; never its text."""


def describe(error: BaseException) -> str:
    """Return an error's class, and its code if it has one of ours; never its text."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and _OUR_CODE.fullmatch(code):
        return f"{type(error).__name__}: {code}"
    return type(error).__name__


class HubRequest(Request):  # type: ignore[misc]
    """A request that hides its arguments."""

    def info(self, safe: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - Celery's signature
        """Return the request as `inspect` and Flower show it."""
        return {**super().info(safe), "args": REDACTED, "kwargs": REDACTED}

    def send_event(self, type: str, **fields: Any) -> None:
        """Send an event without the fields that could show data."""
        super().send_event(type, **{name: REDACTED if name in _HIDDEN else value for name, value in fields.items()})


@signals.before_task_publish.connect(weak=False)  # type: ignore[untyped-decorator]
def _redact_reprs(headers: dict[str, Any] | None = None, **_: object) -> None:
    """Keep the arguments out of the headers, where Celery puts a readable copy."""
    if headers is not None and "argsrepr" in headers:
        headers["argsrepr"] = headers["kwargsrepr"] = REDACTED
