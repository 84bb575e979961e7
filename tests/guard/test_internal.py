"""The hub's own tasks are admitted only on the hub's own queues, and with known values."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from schemas.jobs import Queue
from tests.guard.harness import (
    Raw,
    Refusal,
    Worker,
)
from tests.guard.poison import EMBED, POISON, SECRET
from tests.support.waiting import eventually
from worker.tasks.broker.arguments import PARTS

WRITTEN_BY_WEB_APPS = [*Queue]
TASK_ID = "0f9b4c1e-6a52-4e0c-9f3d-7b1d2c8e4a55"
REFUSAL: dict[str, Any] = {
    "code": "not_json",
    "field": "body",
    "queue": "consent",
    "task_id": TASK_ID,
    "kind": "permit.cancel",
    "size": 17,
    "digest": "0f" * 32,
}
INTERNAL: dict[str, tuple[list[Any], str]] = {
    **{f"calendar.{name}": ([], "calendar") for name in ("sweep", "advance", "remind", "purge", "watch", "reconcile")},
    "remind.send": (["email"], "remind"),
    "reconcile.run": (["easypark"], "upkeep"),
    "hub.record_refusal": ([*REFUSAL.values()], "upkeep"),
    "deliver.drain": (["easypark"], "deliver.easypark"),
}


def poisoned(worker: Worker, task: str, args: list[Any], queue: str) -> tuple[str, str]:
    """Send a message that is refused; return the code and the field."""
    logged = len(worker.logged())
    raw = Raw(task=task, body=[args, {}, EMBED])
    worker.push(raw.item(), queue)

    def told() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in worker.logged()[logged:].splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "message.refused" and line["task_id"] == raw.id]

    eventually(told, "a refusal")
    (line,) = told()
    assert SECRET not in worker.logged()[logged:]
    return line["code"], line["field"]


@pytest.mark.parametrize("queue", WRITTEN_BY_WEB_APPS)
@pytest.mark.parametrize("task", INTERNAL)
def test_the_hubs_own_tasks_are_refused_on_web_app_queues(worker: Worker, task: str, queue: str) -> None:
    assert poisoned(worker, task, INTERNAL[task][0], queue) == ("malformed_message", "queue")


@pytest.mark.parametrize("task", INTERNAL)
def test_each_internal_task_has_one_queue(worker: Worker, task: str) -> None:
    args, own = INTERNAL[task]
    others = {"calendar", "remind", "upkeep", "deliver.easypark"} - {own}
    for queue in sorted(others):
        assert poisoned(worker, task, args, queue) == ("malformed_message", "queue")


@pytest.mark.parametrize("queue", ["calendar", "remind", "upkeep", "deliver.easypark"])
def test_a_job_is_refused_on_the_hubs_own_queues(worker: Worker, queue: str) -> None:
    assert poisoned(worker, "permit.cancel", ["{}"], queue) == ("malformed_message", "queue")
    assert poisoned(worker, "space.publish", ["r-1001"], queue) == ("malformed_message", "queue")


@pytest.mark.parametrize("queue", ["consent", "bulk"])
def test_a_document_request_is_admitted_on_the_jobs_queue_only(worker: Worker, queue: str) -> None:
    assert poisoned(worker, "space.publish", ["r-1001"], queue) == ("malformed_message", "queue")


@pytest.mark.parametrize(
    ("task", "args", "code", "field"),
    [
        ("deliver.drain", ["nobody"], "invalid_value", "args.0"),
        ("deliver.drain", [SECRET], "invalid_value", "args.0"),
        ("deliver.drain", [""], "invalid_value", "args.0"),
        ("deliver.drain", ["easypark\n"], "invalid_value", "args.0"),
        ("deliver.drain", [None], "wrong_type", "args.0"),
        ("deliver.drain", ["flowbird"], "malformed_message", "queue"),
        ("remind.send", ["pigeon"], "invalid_value", "args.0"),
        ("remind.send", ["EMAIL"], "invalid_value", "args.0"),
        ("reconcile.run", ["nobody"], "invalid_value", "args.0"),
        ("reconcile.run", [7], "wrong_type", "args.0"),
        ("calendar.sweep", [1], "malformed_message", "args"),
    ],
)
def test_an_unknown_provider_or_channel_name_is_refused(
    worker: Worker, task: str, args: list[Any], code: str, field: str
) -> None:
    assert poisoned(worker, task, args, INTERNAL[task][1]) == (code, field)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("code", SECRET, "invalid_value"),
        ("code", "NOT_JSON", "invalid_value"),
        ("field", SECRET, "invalid_value"),
        ("field", "plate.jeanne", "invalid_value"),
        ("field", "x" * 200, "invalid_value"),
        ("queue", SECRET, "invalid_value"),
        ("queue", None, "wrong_type"),
        ("task_id", SECRET, "invalid_value"),
        ("task_id", TASK_ID.upper(), "invalid_value"),
        ("task_id", TASK_ID + "\n", "invalid_value"),
        ("kind", SECRET, "invalid_value"),
        ("kind", "permit.jeanne", "invalid_value"),
        ("size", -1, "invalid_value"),
        ("size", 2**31, "invalid_value"),
        ("size", True, "wrong_type"),
        ("size", 1.5, "wrong_type"),
        ("digest", "0f" * 31, "invalid_value"),
        ("digest", "zz" * 32, "invalid_value"),
    ],
)
def test_a_refusal_record_with_foreign_words_is_refused(worker: Worker, name: str, value: object, code: str) -> None:
    values = REFUSAL | {name: value}
    field = f"args.{[*REFUSAL].index(name)}"
    assert poisoned(worker, "hub.record_refusal", [*values.values()], "upkeep") == (code, field)


def test_a_valid_refusal_record_is_admitted(worker: Worker) -> None:
    worker.push(Raw(task="hub.record_refusal", body=[[*REFUSAL.values()], {}, EMBED]).item(), "upkeep")
    recorded: list[Refusal] = []  # those of earlier tests may still come, too

    def of_this_one() -> list[Refusal]:
        recorded.extend(worker.refusals())
        return [one for one in recorded if str(one.task_id) == TASK_ID]

    eventually(of_this_one, "a record")
    (one,) = of_this_one()
    assert {name: str(value) for name, value in asdict(one).items() if name in REFUSAL} == {
        name: str(value) for name, value in REFUSAL.items() if name != "digest"
    }


def test_every_field_that_the_gate_names_can_be_recorded() -> None:
    assert {poison.field for poison in POISON} - {None} <= PARTS
