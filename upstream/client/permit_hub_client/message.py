"""A Celery message as an item of a Redis list, and a task's result.

The client writes messages itself, without a Celery app. Such an app inside a web app would read the web app's own
`CELERY_BROKER_URL`, has connection pools that a fork breaks, and settings that workers and clients of one broker must
share. The format is Celery's task protocol 2 on kombu's Redis transport; a test compares it with Celery's own messages.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

HIDDEN = "('…',)"  # what Flower and `celery inspect` show instead of the arguments


@dataclass(frozen=True, slots=True)
class Result:
    """A task's result: whether it succeeded, and its return value."""

    succeeded: bool
    value: Any


def list_item(task: str, task_id: UUID, arguments: Sequence[str], queue: str, origin: str) -> str:
    """Return the item that makes a worker on `queue` run a task with these arguments."""
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = json.dumps([arguments, {}, embed], ensure_ascii=False)
    return json.dumps(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": str(task_id),
                "root_id": str(task_id),
                "parent_id": None,
                "group": None,
                "eta": None,
                "expires": None,
                "retries": 0,
                "timelimit": [None, None],
                "argsrepr": HIDDEN,
                "kwargsrepr": "{}",
                "origin": origin,
                "ignore_result": False,
            },
            "properties": {
                "correlation_id": str(task_id),
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid4()),
            },
        }
    )


def result_name(task_id: UUID) -> str:
    """Return the name of a task's result: of its key, and of the channel that announces it."""
    return f"celery-task-meta-{task_id}"


def read_result(text: bytes) -> Result | None:
    """Read a task's result; None if the task has not ended."""
    document = json.loads(text)
    if document["status"] not in {"SUCCESS", "FAILURE", "REVOKED"}:
        return None
    return Result(document["status"] == "SUCCESS", document["result"])
