"""The hub's messages as one AsyncAPI 3 document: the queues with their messages, and the answers with their places."""

from pydantic import JsonValue

from schemas.asyncapi_messages import (
    ASKED,
    MAKE_CATALOGUE,
    MAKE_HISTORY,
    PUBLISH_SPACE,
    READ_PLATE,
    first_line,
    messages,
    schemas,
)
from schemas.jobs import KINDS, LARGEST_JOB, QUEUES, Queue

PREFIX = "permit-hub:"  # the default of PERMIT_HUB_REDIS_PREFIX

_LARGEST = ", ".join(f"{most:,} on `{queue}`" for queue, most in LARGEST_JOB.items())
_DESCRIPTION = f"""\
Web apps enqueue jobs; the hub decides and records them, answers each with a receipt, and publishes events.

A job is one Celery message (protocol 2, JSON) on the default exchange: the header `task` is its kind, the header `id`
is its `job_id`, its first argument the job as a JSON string, and its second the signature, if jobs are
signed. Its size in bytes of UTF-8 is limited:
{_LARGEST}. On Redis a queue is a list: a message is pushed at its left end, inside the envelope that `x-list-item`
of the channel describes. All keys begin with the installation's prefix, by default `{PREFIX}`.

To show a resident's personal space, GET the key of the channel `space`. If the key is missing, push the task
`{PUBLISH_SPACE}`, wait for its result, and GET again. The channels `history`, `catalogue` and `plate` are read in the
same way, by `{MAKE_HISTORY}`, `{MAKE_CATALOGUE}` and `{READ_PLATE}`. To follow one resident, subscribe to `watch`
first, then read the space, and read it again after each event. To follow all residents, read the stream `events` from
the last entry read.

Bad input is answered with a receipt that refuses it by a stable code; it is never retried. A job without a receipt
can be sent again with the same `job_id` and is applied once."""

_ASKING_QUEUE = Queue.JOBS
_PUBLISHED = {
    "watch": ("event",),
    "events": ("event", "provider_event"),
    "space": ("space",),
    "history": ("history",),
    "catalogue": ("catalogue",),
    "plate": ("plate",),
    "export": ("export",),
}
_QUEUE_WORDS = {
    Queue.CONSENT: "Consent decisions and erasure, which never wait behind other jobs.",
    Queue.JOBS: "The other jobs, and the requests for documents.",
    Queue.BULK: "Long work: imports and exports.",
}


def asyncapi_document() -> dict[str, JsonValue]:
    """Return the AsyncAPI 3.0 document of the hub."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:permit-hub",
        "info": {"title": "permit-hub", "version": "1", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}",
                "protocol": "redis",
                "description": "Redis or Valkey, as PERMIT_HUB_REDIS_URL of the hub names it.",
                "variables": {"host": {"default": "127.0.0.1:6379"}},
            }
        },
        "channels": {**{queue.value: _queue(queue) for queue in Queue}, **_answers(), **_documents()},
        "operations": {
            **{kind: _operation(kind) for kind in KINDS},
            **{task: _request(task) for task in ASKED},
            **{f"publish.{channel}": _publication(channel, messages) for channel, messages in _PUBLISHED.items()},
        },
        "components": {"messages": messages(), "schemas": schemas()},
    }


def _queue(queue: Queue) -> JsonValue:
    tasks = [kind for kind in KINDS if QUEUES[kind] is queue] + (list(ASKED) if queue is _ASKING_QUEUE else [])
    return {
        "address": f"{PREFIX}{queue.value}",
        "description": _QUEUE_WORDS[queue],
        "messages": {task: {"$ref": f"#/components/messages/{task}"} for task in tasks},
        "x-list-item": {"$ref": "#/components/schemas/ListItem"},
    }


def _answers() -> dict[str, JsonValue]:
    return {
        "receipts": {
            "address": PREFIX + "celery-task-meta-{job_id}",
            "description": (
                "A key, and a pub/sub channel of the same name: the Celery result of the job, with the receipt in it. "
                "It expires after a short time; the same job sent again brings it back."
            ),
            "parameters": {"job_id": {"description": "The job's id."}},
            "messages": {"receipt": {"$ref": "#/components/messages/receipt"}},
        },
        "published": {
            "address": PREFIX + "celery-task-meta-{task_id}",
            "description": (
                "A key, and a pub/sub channel of the same name: the result of a request for a document; "
                "if it is refused, a receipt."
            ),
            "parameters": {"task_id": {"description": "The id that the task was sent under."}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in ("published", "made", "receipt")},
        },
        "watch": {
            "address": PREFIX + "watch:{resident_id}",
            "description": "Pub/sub, live: the events of one resident. Subscribe, then read the personal space.",
            "parameters": {"resident_id": {"description": "The resident's opaque id."}},
            "messages": {"event": {"$ref": "#/components/messages/event"}},
        },
        "events": {
            "address": PREFIX + "events",
            "description": "A stream of bounded length with every event, as JSON in the field `event` of its entries.",
            "messages": {
                "event": {"$ref": "#/components/messages/event"},
                "provider_event": {"$ref": "#/components/messages/provider_event"},
            },
        },
    }


def _documents() -> dict[str, JsonValue]:
    return {
        "space": {
            "address": PREFIX + "space:{resident_id}",
            "description": (
                "A key: the resident's personal space as it is now. It may expire at any moment, and does at midnight: "
                f"send `{PUBLISH_SPACE}`, wait for its result, read again."
            ),
            "parameters": {"resident_id": {"description": "The resident's opaque id."}},
            "messages": {"space": {"$ref": "#/components/messages/space"}},
        },
        "history": {
            "address": PREFIX + "history:{task_id}",
            "description": (
                f"A key: the result of the task `{MAKE_HISTORY}` with this id. It is there before the task's result "
                "is, for half a minute: read it with GETDEL, and send a new task to read it again."
            ),
            "parameters": {"task_id": {"description": "The id that the task was sent under."}},
            "messages": {"history": {"$ref": "#/components/messages/history"}},
        },
        "catalogue": {
            "address": PREFIX + "catalogue",
            "description": (
                "A key: the tariffs and providers of this installation. It is there for a few minutes after "
                f"`{MAKE_CATALOGUE}`; once it has expired, send the task again."
            ),
            "messages": {"catalogue": {"$ref": "#/components/messages/catalogue"}},
        },
        "plate": {
            "address": PREFIX + "plate:{task_id}",
            "description": (
                f"A key: the result of the task `{READ_PLATE}` with this id. It is there before the task's result is, "
                "for half a minute: read it with GETDEL."
            ),
            "parameters": {"task_id": {"description": "The id that the task was sent under."}},
            "messages": {"plate": {"$ref": "#/components/messages/plate"}},
        },
        "export": {
            "address": PREFIX + "export:{job_id}",
            "description": (
                "A key: the result of the job `resident.export` with this id. It is there before the receipt is, for a "
                "quarter of an hour or until the resident is erased; the same job sent again makes it again."
            ),
            "parameters": {"job_id": {"description": "The job's id."}},
            "messages": {"export": {"$ref": "#/components/messages/export"}},
        },
    }


def _operation(kind: str) -> JsonValue:
    channel = f"#/channels/{QUEUES[kind].value}"
    return {
        "action": "receive",
        "summary": first_line(KINDS[kind]),
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{kind}"}],
        "reply": {
            "channel": {"$ref": "#/channels/receipts"},
            "messages": [{"$ref": "#/channels/receipts/messages/receipt"}],
        },
    }


def _request(task: str) -> JsonValue:
    channel = f"#/channels/{_ASKING_QUEUE.value}"
    answer = "made" if task in (MAKE_CATALOGUE, READ_PLATE) else "published"
    return {
        "action": "receive",
        "summary": ASKED[task],
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{task}"}],
        "reply": {
            "channel": {"$ref": "#/channels/published"},
            "messages": [{"$ref": f"#/channels/published/messages/{answer}"}],
        },
    }


def _publication(channel: str, messages: tuple[str, ...]) -> JsonValue:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"} for message in messages],
    }
