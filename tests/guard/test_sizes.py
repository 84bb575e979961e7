"""Messages that are too large are refused unread; the largest honest ones are admitted."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from schemas.jobs import KINDS, LARGEST_JOB, MAX_JOB_BYTES, QUEUES, Queue
from tests.guard.harness import Raw
from tests.guard.largest import largest
from tests.guard.poison import EMBED
from worker.tasks.broker.admission import MAX_CONTAINERS, Admission, RefusedMessage
from worker.tasks.broker.arguments import accepts
from worker.tasks.broker.wire import CALL_BYTES, ENVELOPE_BYTES, largest_message

KIND = {Queue.CONSENT: "consent.decide", Queue.JOBS: "permit.cancel", Queue.BULK: "permit.import"}
WORST = "😀"  # the character with the most bytes: 12 once escaped, 14 escaped again
SHOWN = "(" + "'{[é" * 256 + ")"  # arguments as Celery's clients show them by default


def run(job: str) -> None:
    """Stand in for a task of one job."""


@pytest.fixture(scope="module")
def admission() -> Admission:
    return Admission({kind: accepts(run, {queue.value}) for kind, queue in QUEUES.items()}, b"k" * 32)


def refusal(admission: Admission, item: bytes, queue: str) -> tuple[str, str | None, str | None]:
    answer = admission.admit(item, queue)
    assert isinstance(answer, RefusedMessage)
    return answer.code.value, answer.field, answer.task_id


@pytest.mark.parametrize("queue", [Queue.CONSENT, Queue.JOBS])
def test_a_queues_largest_job_is_little_more_than_its_fields_need(queue: Queue) -> None:
    schemas = [KINDS[kind].model_json_schema() for kind, own in QUEUES.items() if own is queue]
    longest = max(largest(schema, schema.get("$defs", {})) for schema in schemas)
    assert longest <= LARGEST_JOB[queue] < 2 * longest


@pytest.mark.parametrize("queue", [*Queue])
@pytest.mark.parametrize("ascii_only", [True, False], ids=["escaped", "plain"])
def test_the_largest_job_is_admitted_in_any_json_spelling(admission: Admission, queue: Queue, ascii_only: bool) -> None:
    character = json.dumps(WORST, ensure_ascii=ascii_only)[1:-1]
    job = character * (LARGEST_JOB[queue] // len(character.encode()))
    raw = Raw(task=KIND[queue], body=[[job], {}, EMBED], headers={"argsrepr": SHOWN, "kwargsrepr": SHOWN})
    assert isinstance(admission.admit(raw.item(), queue.value), dict)


@pytest.mark.parametrize("queue", [*Queue])
def test_a_job_one_byte_too_large_is_refused_and_answered(admission: Admission, queue: Queue) -> None:
    raw = Raw(task=KIND[queue], body=[["x" * (LARGEST_JOB[queue] + 1)], {}, EMBED])
    assert refusal(admission, raw.item(), queue.value) == ("too_large", "args.0", raw.id)


@pytest.mark.parametrize("queue", [*Queue, "upkeep", "deliver.easypark"])
@pytest.mark.parametrize("first", ["body", "headers"])
def test_a_message_too_large_to_read_is_answered_by_the_id_near_either_end(
    admission: Admission, queue: str, first: str
) -> None:
    raw = Raw(task="permit.import", body=[["x" * largest_message(queue)], {}, EMBED])
    envelope = json.loads(raw.item())
    item = json.dumps({first: envelope.pop(first)} | envelope).encode()
    assert refusal(admission, item, queue) == ("too_large", None, raw.id)


def written(raw: Raw, **how: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(raw.item())
    return read


LONG = json.dumps({"note": 'é"\\/' * 20_000})
SPELLINGS: dict[str, Callable[[Raw], bytes]] = {
    "as Python does": Raw.item,
    "compact": lambda raw: json.dumps(written(raw), separators=(",", ":")).encode(),
    "indented": lambda raw: json.dumps(written(raw), indent=2).encode(),
    "with the body last": lambda raw: json.dumps(dict(reversed(written(raw).items()))).encode(),
    "with slashes escaped, as PHP does": lambda raw: raw.item().replace(b"/", b"\\/"),
    "with plus signs escaped, as .NET does": lambda raw: raw.item().replace(b"+", b"\\u002B"),
    "with a body of white space": lambda raw: json.dumps(
        written(raw) | {"body": base64.b64encode(f' [ [ {json.dumps(LONG)} ] , {{ }} , {{}} ] '.encode()).decode()}
    ).encode(),
    "without escapes": lambda raw: json.dumps(
        written(raw) | {"body": base64.b64encode(json.dumps([[LONG], {}, {}], ensure_ascii=False).encode()).decode()}
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_long_message_is_read_in_any_json_spelling(admission: Admission, spell: Callable[[Raw], bytes]) -> None:
    raw = Raw(task="permit.import", body=[[LONG], {}, EMBED])
    item = spell(raw)
    assert len(item) > ENVELOPE_BYTES
    admitted = admission.admit(item, "bulk")
    assert isinstance(admitted, dict)
    assert admitted["headers"]["id"] == raw.id
    assert json.loads(base64.b64decode(admitted["body"]))[0] == [LONG]


@pytest.mark.parametrize(
    ("item", "code", "field"),
    [
        (lambda raw: json.dumps({"x": written(raw), "body": "e30="}).encode(), "malformed_message", "body"),
        (lambda raw: json.dumps(written(raw) | {"x": [[]] * 20_000}).encode(), "too_large", "envelope"),
        (lambda raw: raw.item()[:-9], "not_json", None),
        (lambda raw: b'{"body": "' + b"A" * 900_000, "too_large", "envelope"),
        (lambda raw: raw.item().replace(b'"body": "', b'"body": "\\x'), "not_json", "body"),
    ],
    ids=["elsewhere", "beside much", "cut off", "without an end", "with a wrong escape"],
)
def test_a_long_body_is_read_from_the_body_field_only(
    admission: Admission, item: Callable[[Raw], bytes], code: str, field: str | None
) -> None:
    raw = Raw(task="permit.import", body=[[LONG], {}, EMBED])
    assert refusal(admission, item(raw), "bulk")[:2] == (code, field)


def test_a_job_with_more_parts_than_the_largest_import_is_refused(admission: Admission) -> None:
    job = "[" + "{}," * MAX_CONTAINERS + "{}]"
    raw = Raw(task="permit.import", body=[[job], {}, EMBED])
    assert refusal(admission, raw.item(), "bulk") == ("too_large", "args.0", raw.id)
    # A term is the smallest part of an import.
    assert MAX_JOB_BYTES // len('{"first_day":"2024-01-01","last_day":"2024-12-31"},') < MAX_CONTAINERS


MEGABYTES = 3_000_000
SHAPES = {
    "lists": b"[" + b"[[]]," * (MEGABYTES // 5) + b"[]]",
    "objects": b"[" + b"{}," * (MEGABYTES // 3) + b"{}]",
    "keys": b"{" + b",".join(b'"%d":1' % number for number in range(MEGABYTES // 10)) + b"}",
    "one key again and again": b"{" + b'"a":1,' * (MEGABYTES // 6) + b'"a":1}',
    "digits": b"9" * 1_000_000,
    "numbers": b"[" + b"1," * (MEGABYTES // 2) + b"1]",
    "fractions": b"0." + b"1" * 1_000_000,
    "escapes": b'"' + b"\\u00e9" * (MEGABYTES // 6) + b'"',
    "strings": b"[" + b'"",' * (MEGABYTES // 3) + b'""]',
    "depth": b"[" * 1_000_000,
    "white space": b" " * MEGABYTES + b"1",
    "base64": b'"' + b"QUJD" * (MEGABYTES // 4) + b'"',
    "quotes": b'"' * MEGABYTES,
    "bodies": b'"body":"' * (MEGABYTES // 8),
}


def poisoned(shape: bytes, layer: str) -> bytes:
    if layer == "envelope":
        return shape
    headers, empty = json.dumps(written(Raw(task="permit.import"))["headers"]).encode(), json.loads(Raw().item())
    if layer == "headers":
        return json.dumps(empty | {"headers": "H"}).encode().replace(b'"H"', headers[:-1] + b', "x": ' + shape + b"}")
    bodies = {"argument": b"[[" + shape + b"], {}, {}]", "beside the job": b'[["{}", ' + shape + b"], {}, {}]"}
    body = ({"body": shape} | bodies).get(layer)
    body = body and body[:2_950_000]  # a larger one is refused for its size
    if body is None:
        body = json.dumps([[shape[:990_000].decode()], {}, {}]).encode()
    return Raw(task="permit.import", envelope={"body": base64.b64encode(body).decode()}).item()


@pytest.mark.parametrize("layer", ["envelope", "headers", "body", "argument", "beside the job", "job"])
@pytest.mark.parametrize("shape", SHAPES)
def test_refusing_poison_takes_little_processor_time_on_each_queue(
    admission: Admission, shape: str, layer: str, record_property: Callable[[str, object], None]
) -> None:
    item = poisoned(SHAPES[shape], layer)
    for queue, most in (("bulk", 0.12), ("consent", 0.012)):
        spent = []
        for _ in range(3):
            started = time.process_time()
            admission.admit(item, queue)
            spent.append(time.process_time() - started)
        record_property(queue, min(spent))
        assert min(spent) < most  # processor time, the least of three, so that a busy machine does not matter


def test_size_limits_grow_from_the_body_to_each_queues_message() -> None:
    assert (
        CALL_BYTES < ENVELOPE_BYTES < largest_message("upkeep") < largest_message("consent") < largest_message("jobs")
    )
    assert largest_message("jobs") < MAX_JOB_BYTES / 10
