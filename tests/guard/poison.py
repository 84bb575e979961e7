"""Messages that no Celery client would send, with the code that each is refused with."""

import json
from dataclasses import dataclass
from typing import Any

from tests.guard.harness import Raw

SECRET = "ZZ-987-ZZ"  # stands for a plate; it must show nowhere
DEEP = 200_000
FIVE_MB = "x" * 5_000_000
EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
SIGNATURE: dict[str, object] = {
    "task": "permit.cancel",
    "args": [SECRET],
    "kwargs": {},
    "options": {},
    "subtask_type": None,
}


@dataclass(frozen=True)
class Poison:
    """A list item, its refusal's code and field, and the task id to answer, if it has one."""

    label: str
    item: bytes
    code: str
    field: str | None = None
    task_id: str | None = None
    queue: str = "jobs"


def _of(label: str, code: str, field: str | None, raw: Raw, queue: str = "jobs") -> Poison:
    return Poison(label, raw.item(), code, field, raw.id, queue)


def _body(label: str, body: Any, field: str = "body", code: str = "malformed_message") -> Poison:
    return _of(label, code, field, Raw(body=body))


def _header(name: str, label: str, value: Any) -> Poison:
    return _of(f"header {name}: {label}", "malformed_message", f"headers.{name}", Raw(headers={name: value}))


def _without(path: str, field: str) -> Poison:
    return _of(f"no {path}", "malformed_message", field, Raw(without=(path,)))


def _envelope(label: str, field: str, code: str = "malformed_message", **changes: Any) -> Poison:
    return _of(label, code, field, Raw(envelope={key.replace("_", "-"): value for key, value in changes.items()}))


def _unnamed(label: str, task_id: Any) -> Poison:
    return Poison(f"id {label}", Raw(id=task_id).item(), "malformed_message", "headers.id")


def _kind(label: str, task: Any) -> Poison:
    return _of(f"task {label}", "unknown_kind", "headers.task", Raw(task=task))


POISON = (
    # The list item
    Poison("not JSON", SECRET.encode(), "not_json"),
    Poison("empty", b"", "not_json"),
    Poison("not UTF-8", b"\xff\xfe" + SECRET.encode(), "not_json"),
    Poison("cut off", Raw().item()[:-9], "not_json"),
    Poison("a number", b"1", "malformed_message", "envelope"),
    Poison("null", b"null", "malformed_message", "envelope"),
    Poison("a list", b"[1]", "malformed_message", "envelope"),
    Poison("an empty object", b"{}", "malformed_message", "headers"),
    Poison("nested deep", b"[" * 5_000 + b"]" * 5_000, "not_json"),
    Poison("nested deep and large", b"[" * DEEP + b"]" * DEEP, "too_large"),
    Poison("a number of 10,000 digits", b"1" * 10_000, "not_json"),
    _of("5 MB", "too_large", None, Raw(body=[[FIVE_MB], {}, EMBED])),
    Poison("5 MB of nothing", b"{" * 5_000_000, "too_large"),
    # The envelope
    _without("properties", "properties"),
    _without("properties.delivery_info", "properties.delivery_info"),
    _without("properties.delivery_tag", "properties.delivery_tag"),
    _without("properties.body_encoding", "properties.body_encoding"),
    _without("body", "body"),
    _without("content-type", "content-type"),
    _envelope("body is null", "body", body=None),
    _envelope("body is no base64", "body", body="é!"),
    _envelope("body is an object", "body", body={"a": SECRET}),
    _envelope("body is not UTF-8 inside", "body", "not_json", body="//79"),
    _envelope("pickle", "content-type", content_type="application/x-python-serialize"),
    _envelope("yaml", "content-type", content_type="application/x-yaml"),
    _envelope("content type is a list", "content-type", content_type=["application/json"]),
    _envelope("binary", "content-encoding", content_encoding="binary"),
    _envelope("an encoding that does not exist", "content-encoding", content_encoding=SECRET),
    _envelope("properties are a list", "properties", properties=[]),
    Poison("headers are a list", Raw(envelope={"headers": [SECRET]}).item(), "malformed_message", "headers"),
    Poison("headers are null", Raw(envelope={"headers": None}).item(), "malformed_message", "headers"),
    # The body
    _body("body is text", "x"),
    _body("body is a number", 3),
    _body("body is null", None),
    _body("body of two", [[SECRET], {}]),
    _body("body of four", [[SECRET], {}, EMBED, 1]),
    _body("body of protocol 1", {"task": "permit.cancel", "id": SECRET, "args": [SECRET], "kwargs": {}}),
    _body("args are an object", [{"a": SECRET}, {}, EMBED], "args"),
    _body("args are null", [None, {}, EMBED], "args"),
    _body("args are text", [SECRET, {}, EMBED], "args"),
    _body("no argument", [[], {}, EMBED], "args"),
    _body("two arguments", [["{}", SECRET], {}, EMBED], "args"),
    _body("kwargs are a list", [["{}"], [SECRET], EMBED], "kwargs"),
    _body("kwargs are null", [["{}"], None, EMBED], "kwargs"),
    _body("kwargs", [["{}"], {"job": SECRET}, EMBED], "kwargs"),
    _body("a number as job", [[75], {}, EMBED], "args.0", "wrong_type"),
    _body("an object as job", [[{"plate": SECRET}], {}, EMBED], "args.0", "wrong_type"),
    _body("null as job", [[None], {}, EMBED], "args.0", "wrong_type"),
    _body("a type tag as job", [[{"__type__": "datetime", "__value__": SECRET}], {}, EMBED], "args.0", "wrong_type"),
    _body("a job of 13 kB", [["x" * 13_000], {}, EMBED], "args.0", "too_large"),
    _of("a job of 1.1 MB", "too_large", None, Raw(body=[["x" * 1_100_000], {}, EMBED])),
    _body("half a surrogate", [["\ud800"], {}, EMBED], "args.0", "not_json"),
    _body("embed is null", [["{}"], {}, None], "embed"),
    _body("embed is text", [["{}"], {}, SECRET], "embed"),
    _body("callbacks", [["{}"], {}, EMBED | {"callbacks": [SIGNATURE]}], "embed"),
    _body("errbacks", [["{}"], {}, EMBED | {"errbacks": [SIGNATURE]}], "embed"),
    _body("chain", [["{}"], {}, EMBED | {"chain": [SIGNATURE]}], "embed"),
    _body("chord", [["{}"], {}, EMBED | {"chord": SIGNATURE}], "embed"),
    _body("embedded headers", [["{}"], {}, EMBED | {"timelimit": [0.001, 0.001]}], "embed"),
    _body("embed of a type tag", [["{}"], {}, {"__type__": "uuid", "__value__": SECRET}], "embed"),
    # The headers
    _header("timelimit", "text", "zz"),
    _header("timelimit", "texts", ["a", "b"]),
    _header("timelimit", "one", [1]),
    _header("eta", "garbage", SECRET),
    _header("eta", "far away", "2199-01-01T00:00:00+00:00"),
    _header("expires", "garbage", SECRET),
    _header("expires", "of a job", "2199-01-01T00:00:00+00:00"),
    _header("expires", "a number", 5),
    _header("retries", "text", "x"),
    _header("retries", "two", 2),
    _header("group", "a group", SECRET),
    _header("group_index", "an index", 0),
    _header("chord", "a chord", SIGNATURE),
    _header("callbacks", "a callback", [SIGNATURE]),
    _header("stamped_headers", "a stamp", [SECRET]),
    _header("stamps", "a stamp", {"a": SECRET}),
    _header("replaced_task_nesting", "nested", 7),
    _header("compression", "zlib", "zlib"),
    _header("lost_children", "text", "x"),
    _unnamed("missing", None),
    _unnamed("a number", 12),
    _unnamed("a list", [SECRET]),
    _unnamed("huge", "a" * 5_000),
    _unnamed("a plate", SECRET),
    _unnamed("a UUID and more", "5d2f1c58-7a57-4a86-9a5f-3b0f0a1c2d3e" + SECRET),
    _kind("unknown", f"permit.{SECRET}"),
    _kind("null", None),
    _kind("a number", 7),
    _kind("a list", [SECRET]),
    *(_kind(name, f"celery.{name}") for name in ("backend_cleanup", "chain", "chord", "chord_unlock", "group", "map")),
    *(_kind(name, f"celery.{name}") for name in ("starmap", "chunks", "accumulate")),
    _of("the wrong queue", "malformed_message", "queue", Raw(), queue="consent"),
    _of("a list for a priority", "not_json", "body", Raw(envelope={"body": "eA=="}), queue="jobs\x06\x169"),
)  # fmt: skip

HARMLESS = {
    "priority is text": Raw(properties={"priority": "high"}),
    "priority is an object": Raw(properties={"priority": {"a": 1}}),
    "reply_to is an object": Raw(properties={"reply_to": {"a": SECRET}}),
    "correlation_id is a name": Raw(properties={"correlation_id": SECRET}),
    "delivery goes elsewhere": Raw(properties={"delivery_info": {"exchange": SECRET, "routing_key": [SECRET]}}),
    "readable arguments": Raw(headers={"argsrepr": SECRET, "kwargsrepr": SECRET, "shadow": SECRET, "origin": SECRET}),
    "relatives": Raw(headers={"root_id": SECRET, "parent_id": {"a": SECRET}, "group_id": SECRET}),
    "unknown headers": Raw(headers={"x-trace": SECRET, "redelivered": SECRET, "ignore_result": "maybe"}),
    "a limit of its own": Raw(headers={"timelimit": [0.001, 0.001]}),
}
"""Messages with an odd value that the gate ignores: they run."""

TAKEN = (
    b"",
    SECRET.encode(),
    b"jobs",
    b"\n" + SECRET.encode(),
    b"a queue with spaces\n{}",
    b"jobs\x06\x163\n{}",
    b"\xff\xfe\n{}",
    json.dumps([{"body": SECRET}, "", "jobs"]).encode(),
    b"[" * 100_000,
)
"""Items that do not belong in the hash of taken messages."""

BROADCASTS = tuple(
    item if isinstance(item, bytes) else json.dumps(item).encode()
    for item in (
        SECRET.encode(),
        b"\xff",
        b"{" * 70_000,
        b"[" * 60_000,
        [SECRET],
        {"properties": SECRET},
        {"body": SECRET, "properties": {"delivery_tag": "1", "body_encoding": "base64"}, "headers": {}},
        {"body": "e30=", "properties": {"body_encoding": "base64"}, "headers": {}},
        {"body": "e30=", "properties": {"delivery_tag": "1", "body_encoding": "base64"}, "headers": [SECRET]},
    )
)
"""Broadcasts that are not remote control commands."""
