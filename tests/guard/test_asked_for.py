"""What asks for a document is let in as it should be sent, and refused as anything else, like any other poison."""

import json
import subprocess
import sys
from typing import Any

import pytest

from schemas.asyncapi_messages import ASKED, MAKE_CATALOGUE, MAKE_HISTORY, PUBLISH_SPACE
from tests.guard.harness import Raw, Worker
from worker.tasks.admission import MAX_ID_LENGTH, Accepts, Admission, RefusedMessage

OF_RESIDENT = (PUBLISH_SPACE, MAKE_HISTORY)
EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None}

READ = """
import json
from worker.app import app
from worker.tasks.admission import accepts
app.loader.import_default_modules()
found = {name: accepts(task.run) for name, task in app.tasks.items() if name.startswith("space.")}
print(json.dumps({name: [[[t.__name__ for t in types] for types in a.types], a.required] for name, a in found.items()}))
"""


@pytest.fixture(scope="module")
def tasks(worker: Worker) -> dict[str, Accepts]:
    """Return what the hub's own tasks accept, read where its configuration holds."""
    done = subprocess.run(
        [sys.executable, "-c", READ], env=worker.environment, check=True, capture_output=True, timeout=60
    )
    names = {"str": str, "NoneType": type(None)}
    return {
        task: Accepts(tuple(frozenset(names[name] for name in types) for types in arguments), required)
        for task, (arguments, required) in json.loads(done.stdout).items()
    }


@pytest.fixture(scope="module")
def admission(tasks: dict[str, Accepts]) -> Admission:
    return Admission(tasks, b"k" * 32)


def asking(task: str, *args: object, **message: Any) -> Raw:
    return Raw(task=task, body=[list(args), message.pop("kwargs", {}), EMBED], **message)


def refused(admission: Admission, raw: Raw) -> tuple[str, str | None]:
    answer = admission.admit(raw.item(), "jobs")
    assert isinstance(answer, RefusedMessage)
    assert (answer.task_id, answer.kind) == (raw.id, raw.task)
    return answer.code.value, answer.field


def test_every_task_that_is_documented_is_there(tasks: dict[str, Accepts]) -> None:
    assert tasks.keys() == ASKED.keys()


@pytest.mark.parametrize("task", ASKED)
def test_what_is_sent_as_documented_is_let_in_under_its_own_id(admission: Admission, task: str) -> None:
    raw = asking(task, *(["r-1001"] if task in OF_RESIDENT else []))
    admitted = admission.admit(raw.item(), "jobs")
    assert isinstance(admitted, dict)
    assert (admitted["headers"]["task"], admitted["headers"]["id"]) == (task, raw.id)


@pytest.mark.parametrize("task", OF_RESIDENT)
@pytest.mark.parametrize(
    ("args", "code", "field"),
    [
        ([], "malformed_message", "args"),
        (["r-1001", "r-1002"], "malformed_message", "args"),
        ([1001], "wrong_type", "args.0"),
        ([None], "wrong_type", "args.0"),
        ([["r-1001"]], "wrong_type", "args.0"),
        ([{"resident_id": "r-1001"}], "wrong_type", "args.0"),
        (["x" * (MAX_ID_LENGTH + 1)], "too_large", "args.0"),
        (["\ud800"], "not_json", "args.0"),
    ],
    ids=["none", "two", "a number", "null", "a list", "an object", "too long", "half a character"],
)
def test_an_argument_that_is_no_id_is_refused(
    admission: Admission, task: str, args: list[object], code: str, field: str
) -> None:
    assert refused(admission, asking(task, *args)) == (code, field)


@pytest.mark.parametrize("argument", ["r-1001", None, 1])
def test_a_catalogue_is_asked_for_without_an_argument(admission: Admission, argument: object) -> None:
    assert refused(admission, asking(MAKE_CATALOGUE, argument)) == ("malformed_message", "args")


@pytest.mark.parametrize("task", ASKED)
@pytest.mark.parametrize(
    ("bent", "field"),
    [
        ({"kwargs": {"resident_id": "r-1001"}}, "kwargs"),
        ({"headers": {"eta": "2030-01-01T00:00:00+00:00"}}, "headers.eta"),
        ({"headers": {"retries": 1}}, "headers.retries"),
        ({"headers": {"expires": "soon"}}, "headers.expires"),
    ],
    ids=["named arguments", "an ETA", "a retry", "an odd expiry"],
)
def test_what_asks_for_more_than_a_document_is_refused(
    admission: Admission, task: str, bent: dict[str, Any], field: str
) -> None:
    raw = asking(task, *(["r-1001"] if task in OF_RESIDENT else []), **bent)
    assert refused(admission, raw) == ("malformed_message", field)
