"""The messages of the AsyncAPI document and their schemas: jobs and tasks as Celery sends them, answers, documents."""

import json

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.catalogue import Catalogue
from schemas.events import Event, ProviderEvent
from schemas.examples import (
    CATALOGUE,
    EVENT,
    EXAMPLES,
    EXPORT,
    HISTORY,
    JOB_ID,
    MADE,
    PLATE_READ,
    PROVIDER_EVENT,
    PUBLISHED,
    RECEIPT,
    SPACE,
)
from schemas.history import History
from schemas.jobs import DOCUMENTS, KINDS, Queue
from schemas.plate_read import PlateRead
from schemas.receipts import Receipt
from schemas.space import Space
from schemas.verified import Plate

PUBLISH_SPACE, MAKE_HISTORY = DOCUMENTS
MAKE_CATALOGUE = "space.catalogue"
READ_PLATE = "space.plate"
ASKED: dict[str, str] = {
    PUBLISH_SPACE: "Publish a resident's personal space again, for a reader who did not find it.",
    MAKE_HISTORY: "Make the history of a resident's permits and data, to be read once.",
    MAKE_CATALOGUE: "Publish prices and providers, for a reader who did not find them.",
    READ_PLATE: "Read a plate as the hub spells it, for a page that shows it before it sends a job.",
}
"""The tasks that make a document on request. They are no jobs: they change nothing."""

_SIGNATURE: JsonValue = {"type": "string", "description": "What proves the sender to a hub that knows its sources."}
_TYPED = {"raw": "bno 1234", "country": "DE"}


def messages() -> dict[str, JsonValue]:
    """Return every message by its name."""
    tasks: dict[str, JsonValue] = {kind: _job(kind) for kind in KINDS}
    resident: JsonValue = {"type": "string", "description": "The resident's opaque id."}
    tasks |= {name: _task(name, ASKED[name], resident, "r-1001", is_signed=True) for name in DOCUMENTS}
    tasks[MAKE_CATALOGUE] = _task(MAKE_CATALOGUE, ASKED[MAKE_CATALOGUE])
    tasks[READ_PLATE] = _task(READ_PLATE, ASKED[READ_PLATE], _in_json(Plate), json.dumps(_TYPED))
    return tasks | {
        "receipt": _answer(first_line(Receipt), "Result", _result(RECEIPT)),
        "published": _answer(
            "The version that the document shows; null for an unknown resident.",
            "Published",
            _result(PUBLISHED),
            _result(None),
        ),
        "made": _answer("The document can be read; null if there is none.", "Made", _result(MADE), _result(None)),
        "event": _answer(first_line(Event), "Event", EVENT),
        "provider_event": _answer(first_line(ProviderEvent), "ProviderEvent", PROVIDER_EVENT),
        "space": _answer(first_line(Space), "Space", SPACE),
        "history": _answer(first_line(History), "History", HISTORY),
        "plate": _answer(first_line(PlateRead), "PlateRead", PLATE_READ),
        "catalogue": _answer(first_line(Catalogue), "Catalogue", CATALOGUE),
        "export": _answer("All data held about a resident.", "Export", EXPORT),
    }


def schemas() -> dict[str, JsonValue]:
    """Return every schema by its name."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in KINDS.values()]
    wanted += [(Receipt, "validation")]
    wanted += [(model, "serialization") for model in (Event, ProviderEvent, Space, History, Catalogue, PlateRead)]
    _, generated = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    found: dict[str, JsonValue] = generated["$defs"]
    return found | {
        "Result": _celery_result({"$ref": "#/components/schemas/Receipt"}),
        "Published": _celery_result(_PUBLISHED_VERSION),
        "Made": _celery_result({"enum": [True, None]}),
        "Export": _EXPORT,
        "ListItem": _LIST_ITEM,
    }


def first_line(model: type[BaseModel]) -> str:
    """Return the first line of a model's docstring."""
    return (model.__doc__ or "").partition("\n")[0]


def _job(kind: str) -> JsonValue:
    example = json.dumps(EXAMPLES[kind], ensure_ascii=False)
    return _task(kind, first_line(KINDS[kind]), _in_json(KINDS[kind]), example, is_signed=True)


def _in_json(model: type[BaseModel]) -> JsonValue:
    return {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"#/components/schemas/{model.__name__}"},
    }


def _task(
    name: str, summary: str, argument: JsonValue = None, example: str | None = None, *, is_signed: bool = False
) -> JsonValue:
    """Return the message of one task, with one argument or none: the headers and decoded body of a Celery message."""
    count = 0 if argument is None else 1
    arguments: dict[str, JsonValue] = {"type": "array", "minItems": count, "maxItems": count + is_signed}
    if argument is not None:
        arguments["items"] = [argument, _SIGNATURE] if is_signed else [argument]
    return {
        "summary": summary,
        "correlationId": {"location": "$message.header#/id"},
        "headers": {
            "type": "object",
            "required": ["lang", "task", "id"],
            "properties": {
                "lang": {"type": "string", "description": "The sender's language, which the hub ignores."},
                "task": {"const": name},
                "id": {"type": "string", "format": "uuid", "description": "The `job_id`; for a task, a new id."},
                "argsrepr": {"type": "string", "description": "The arguments as tools may show them; no data."},
            },
        },
        "payload": {
            "type": "array",
            "description": "Positional arguments, keyword arguments, and Celery's embedded parts.",
            "minItems": 3,
            "maxItems": 3,
            "items": [
                arguments,
                {"type": "object", "maxProperties": 0},
                {"type": "object"},
            ],
        },
        "examples": [
            {
                "headers": {"lang": "py", "task": name, "id": JOB_ID, "argsrepr": "('…',)"},
                "payload": [[] if example is None else [example], {}, {}],
            }
        ],
    }


def _answer(summary: str, schema: str, *examples: JsonValue) -> JsonValue:
    return {
        "summary": summary,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
        "examples": [{"payload": example} for example in examples],
    }


def _result(value: JsonValue) -> JsonValue:
    return {"status": "SUCCESS", "result": value, "traceback": None, "task_id": JOB_ID}


def _celery_result(value: JsonValue) -> JsonValue:
    return {
        "type": "object",
        "description": "A Celery result; it may have other fields, too.",
        "required": ["status", "result", "task_id"],
        "properties": {
            "status": {"const": "SUCCESS"},
            "result": value,
            "task_id": {"type": "string", "format": "uuid"},
        },
    }


_PUBLISHED_VERSION: JsonValue = {
    "oneOf": [
        {"type": "object", "required": ["version"], "properties": {"version": {"type": "integer"}}},
        {"type": "null"},
    ]
}

_EXPORT: JsonValue = {
    "type": "object",
    "description": "For the resident to read. Times are UTC; the fields depend on the data held.",
    "required": list(EXPORT),
    "properties": {
        "resident_id": {"type": "string"},
        "name": {"type": ["string", "null"]},
        "email": {"type": ["string", "null"]},
        "language": {"type": ["string", "null"]},
        "permits": {
            "type": "array",
            "description": "Each with its terms, plates, payments and disclosures, and the outcomes of these.",
            "items": {"type": "object"},
        },
        "consent_decisions": {"type": "array", "items": {"type": "object"}},
        "events": {"type": "array", "items": {"type": "object"}},
    },
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
                "delivery_tag": {"type": "string", "format": "uuid", "description": "New for each message."},
                "priority": {"const": 0},
            },
        },
    },
}
