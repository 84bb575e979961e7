"""The plain message of a task: what Celery gets to read, and how the hub puts work on its own queues."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

REDACTED = "<redacted>"


def list_item(task: str, arguments: Sequence[str], queue: str) -> str:
    """Return the item that has a worker on `queue` run one of the hub's own tasks."""
    body = json.dumps([arguments, {}, {}]).encode()
    return json.dumps(message(body, task, str(uuid4()), queue))


def message(
    body: bytes,
    kind: str,
    task_id: str,
    queue: str,
    *,
    expires: str | None = None,
    lost: int = 0,
    redelivered: bool = False,
) -> dict[str, Any]:
    """Return the plain message of a task; `body` is Celery's: arguments, keyword arguments and embedded parts."""
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
            "delivery_tag": str(uuid4()),  # the sender's tag could be that of another message
            "delivery_info": {"exchange": "", "routing_key": queue, "redelivered": redelivered},
        },
    }
