"""What a task was given or has raised does not show outside of it: in `inspect`, Flower, events, logs or results."""

import re
from typing import Any

from celery import signals
from celery.worker.request import Request

from worker.tasks.broker.admission import REDACTED

_HIDDEN = ("args", "kwargs", "result", "exception", "traceback")
_OUR_CODE = re.compile(r"[a-z_]{1,40}")


class TaskFailedError(Exception):
    """A task failed: the class of the error and, where it has one of ours, its code; never its text."""


def describe(error: BaseException) -> str:
    """Name an error without its text: its class, and its code if it carries one in our words."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and _OUR_CODE.fullmatch(code):
        return f"{type(error).__name__}: {code}"
    return type(error).__name__


class HubRequest(Request):  # type: ignore[misc]
    """A request that keeps its arguments to itself."""

    def info(self, safe: bool = False) -> dict[str, Any]:
        """Describe the request to `inspect` and Flower."""
        return {**super().info(safe), "args": REDACTED, "kwargs": REDACTED}

    def send_event(self, type: str, **fields: Any) -> None:
        """Send an event with what it may show."""
        super().send_event(type, **{name: REDACTED if name in _HIDDEN else value for name, value in fields.items()})


@signals.before_task_publish.connect(weak=False)  # type: ignore[untyped-decorator]
def _redact_reprs(headers: dict[str, Any] | None = None, **_: object) -> None:
    """Keep the arguments out of the headers, where Celery puts a readable copy of them."""
    if headers is not None and "argsrepr" in headers:
        headers["argsrepr"] = headers["kwargsrepr"] = REDACTED
