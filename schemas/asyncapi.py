"""The hub's messages as one AsyncAPI 3 document: which queue takes what, and what comes back where."""

import json

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.events import Event
from schemas.examples import EVENT, EXAMPLES, JOB_ID, RECEIPT
from schemas.jobs import KINDS, MAX_JOB_BYTES, QUEUES, Queue
from schemas.receipts import Receipt

PREFIX = "permit-hub:"  # the default of PERMIT_HUB_REDIS_PREFIX

_DESCRIPTION = f"""\
Web apps enqueue jobs; the hub decides and records them, answers each with a receipt, and tells whoever watches.

A job is one Celery message (protocol 2, JSON) on the default exchange: the header `task` is its kind, the header `id`
is its `job_id`, and its one positional argument is the job as a JSON string of at most {MAX_JOB_BYTES:,} bytes in
UTF-8. On Redis a queue is a list: a message is pushed at its left end, inside the envelope that `x-list-item` of the
channel describes. Keys begin with the installation's prefix, `{PREFIX}` unless it says otherwise.

Bad input is answered with a receipt that refuses it by a stable code; it is never retried. A job without a receipt
can be sent again with the same `job_id` and is applied once."""

_QUEUE_WORDS = {
    Queue.CONSENT: "Consent decisions and erasure, which never wait behind anything.",
    Queue.JOBS: "The other jobs.",
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
        "channels": {**{queue.value: _queue(queue) for queue in Queue}, **_answers()},
        "operations": {**{kind: _operation(kind) for kind in KINDS}, **_publications()},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _queue(queue: Queue) -> JsonValue:
    kinds = [kind for kind in KINDS if QUEUES[kind] is queue]
    return {
        "address": f"{PREFIX}{queue.value}",
        "description": _QUEUE_WORDS[queue],
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds},
        "x-list-item": {"$ref": "#/components/schemas/ListItem"},
    }


def _answers() -> dict[str, JsonValue]:
    return {
        "receipts": {
            "address": PREFIX + "celery-task-meta-{job_id}",
            "description": (
                "A key, and a pub/sub channel of the same name: the Celery result of the job, with the receipt in it. "
                "It is kept for a short time only; the same job sent again brings it back."
            ),
            "parameters": {"job_id": {"description": "The job's id."}},
            "messages": {"receipt": {"$ref": "#/components/messages/receipt"}},
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
            "messages": {"event": {"$ref": "#/components/messages/event"}},
        },
    }


def _operation(kind: str) -> JsonValue:
    channel = f"#/channels/{QUEUES[kind].value}"
    return {
        "action": "receive",
        "summary": _first_line(KINDS[kind]),
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{kind}"}],
        "reply": {
            "channel": {"$ref": "#/channels/receipts"},
            "messages": [{"$ref": "#/channels/receipts/messages/receipt"}],
        },
    }


def _publications() -> dict[str, JsonValue]:
    return {
        f"publish.{channel}": {
            "action": "send",
            "summary": _first_line(Event),
            "channel": {"$ref": f"#/channels/{channel}"},
            "messages": [{"$ref": f"#/channels/{channel}/messages/event"}],
        }
        for channel in ("watch", "events")
    }


def _messages() -> dict[str, JsonValue]:
    jobs: dict[str, JsonValue] = {kind: _job_message(kind) for kind in KINDS}
    return jobs | {
        "receipt": {
            "summary": _first_line(Receipt),
            "payload": {"$ref": "#/components/schemas/Result"},
            "examples": [{"payload": _result_example()}],
        },
        "event": {
            "summary": _first_line(Event),
            "payload": {"$ref": "#/components/schemas/Event"},
            "examples": [{"payload": EVENT}],
        },
    }


def _job_message(kind: str) -> JsonValue:
    """Return the message of one kind: the headers and the decoded body of a Celery message."""
    model = KINDS[kind].__name__
    return {
        "summary": _first_line(KINDS[kind]),
        "correlationId": {"location": "$message.header#/id"},
        "headers": {
            "type": "object",
            "required": ["lang", "task", "id"],
            "properties": {
                "lang": {"type": "string", "description": "The sender's language, which the hub does not look at."},
                "task": {"const": kind},
                "id": {"type": "string", "format": "uuid", "description": "The `job_id`."},
                "argsrepr": {"type": "string", "description": "What tools may show of the arguments; no data."},
            },
        },
        "payload": {
            "type": "array",
            "description": "Positional arguments, keyword arguments, and what Celery embeds.",
            "minItems": 3,
            "maxItems": 3,
            "items": [
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": f"#/components/schemas/{model}"},
                    },
                },
                {"type": "object", "maxProperties": 0},
                {"type": "object"},
            ],
        },
        "examples": [
            {
                "headers": {"lang": "py", "task": kind, "id": JOB_ID, "argsrepr": "('…',)"},
                "payload": [[json.dumps(EXAMPLES[kind], ensure_ascii=False)], {}, {}],
            }
        ],
    }


def _result_example() -> JsonValue:
    return {"status": "SUCCESS", "result": RECEIPT, "traceback": None, "task_id": JOB_ID}


def _schemas() -> dict[str, JsonValue]:
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in KINDS.values()]
    wanted += [(Receipt, "validation"), (Event, "serialization")]
    _, generated = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    schemas: dict[str, JsonValue] = generated["$defs"]
    return schemas | {
        "Result": {
            "type": "object",
            "description": "A Celery result; other fields may stand beside these.",
            "required": ["status", "result", "task_id"],
            "properties": {
                "status": {"const": "SUCCESS"},
                "result": {"$ref": "#/components/schemas/Receipt"},
                "task_id": {"type": "string", "format": "uuid"},
            },
        },
        "ListItem": _LIST_ITEM,
    }


_LIST_ITEM: JsonValue = {
    "type": "object",
    "description": "An item of a queue's list: a message's body and headers in the envelope of Celery on Redis.",
    "required": ["body", "content-encoding", "content-type", "headers", "properties"],
    "properties": {
        "body": {"type": "string", "contentEncoding": "base64", "description": "The message's payload."},
        "content-encoding": {"const": "utf-8"},
        "content-type": {"const": "application/json"},
        "headers": {"type": "object", "description": "The message's headers."},
        "properties": {
            "type": "object",
            "required": [
                "body_encoding",
                "correlation_id",
                "delivery_info",
                "delivery_mode",
                "delivery_tag",
                "priority",
            ],
            "properties": {
                "body_encoding": {"const": "base64"},
                "correlation_id": {"type": "string", "format": "uuid", "description": "The `job_id`."},
                "delivery_info": {
                    "type": "object",
                    "required": ["exchange", "routing_key"],
                    "properties": {
                        "exchange": {"const": ""},
                        "routing_key": {"enum": [queue.value for queue in Queue]},
                    },
                },
                "delivery_mode": {"const": 2},
                "delivery_tag": {"type": "string", "format": "uuid", "description": "Fresh for each message."},
                "priority": {"const": 0},
            },
        },
    },
}


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").partition("\n")[0]
