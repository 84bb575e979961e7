"""One chain for every log line, ours and the libraries': events with fields, without data from messages.

Exception texts and frame values can hold anything. So an error is logged as its class and the places it passed through,
and Celery's lines about a task keep little more than its name and id.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import structlog
from celery import signals
from structlog.types import EventDict, Processor

from worker.settings import settings

MAX_FRAMES = 12
_TWO_LINES_A_TASK = ("celery.worker.strategy", "celery.app.trace")
_SHOWN_OF_TASKS = ("id", "name", "description", "runtime", "eta")


def configure() -> None:
    """Route structlog and the standard library's logging through one chain to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_hide_values)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                errors_without_values,
                _renderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings().log_level)
    for chatty in _TWO_LINES_A_TASK:  # our own lines report the outcome
        logging.getLogger(chatty).setLevel(logging.WARNING)


def errors_without_values(_: object, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its class and the places it passed through."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    event.pop("stack_info", None)
    error = getattr(error, "exc", error)  # billiard wraps what a child raised
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        event["raised"] = type(error).__name__
        event["raised_at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    for key, value in event.items():
        if isinstance(value, BaseException):
            event[key] = type(value).__name__
    return event


def _hide_values(record: logging.LogRecord) -> bool:
    """Remove data of messages from a library's log record: error texts, arguments, results."""
    if hasattr(record, "_from_structlog") or isinstance(record.msg, dict):
        return True
    if isinstance(record.args, Mapping):
        record.args = {key: _shown(key, value) for key, value in record.args.items()}
    elif record.args:
        record.args = tuple(type(arg).__name__ if isinstance(arg, BaseException) else arg for arg in record.args)
    if isinstance(record.msg, BaseException):
        record.msg = type(record.msg).__name__
    return True


def _shown(key: str, value: Any) -> Any:
    return value if key in _SHOWN_OF_TASKS else "…"


def _renderer() -> Processor:
    if settings().log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


@signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
def _instead_of_celery(**_: object) -> None:
    configure()
