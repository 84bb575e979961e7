"""Requests for documents: admitted as documented, and refused in any other form."""

from typing import Any

import pytest
from celery import Celery

from schemas.asyncapi_messages import ASKED, MAKE_CATALOGUE, MAKE_HISTORY, PUBLISH_SPACE, READ_PLATE
from tests.guard.harness import Raw
from worker.tasks import space
from worker.tasks.broker.admission import MAX_ID_LENGTH, Admission, RefusedMessage
from worker.tasks.broker.arguments import Accepts, accepts

WITH_TEXT = (PUBLISH_SPACE, MAKE_HISTORY, READ_PLATE)
EMBED: dict[str, Any] = {"callbacks": None, "errbacks": None, "chain": None}


@pytest.fixture(scope="module")
def tasks() -> dict[str, Accepts]:
    """Return what the hub's own tasks accept."""
    assert space.__doc__  # importing it registers its tasks with every app
    app = Celery(set_as_current=False)
    app.finalize()
    return {name: accepts(task.run, {"jobs"}) for name, task in app.tasks.items() if name.startswith("space.")}


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


def test_every_documented_task_is_registered(tasks: dict[str, Accepts]) -> None:
    assert tasks.keys() == ASKED.keys()


@pytest.mark.parametrize("task", ASKED)
def test_a_documented_request_is_admitted_under_its_own_id(admission: Admission, task: str) -> None:
    raw = asking(task, *(["r-1001"] if task in WITH_TEXT else []))
    admitted = admission.admit(raw.item(), "jobs")
    assert isinstance(admitted, dict)
    assert (admitted["headers"]["task"], admitted["headers"]["id"]) == (task, raw.id)


@pytest.mark.parametrize("task", WITH_TEXT)
@pytest.mark.parametrize(
    ("args", "code", "field"),
    [
        ([], "malformed_message", "args"),
        (["r-1001", "signature", "r-1002"], "malformed_message", "args"),
        ([1001], "wrong_type", "args.0"),
        ([None], "wrong_type", "args.0"),
        ([["r-1001"]], "wrong_type", "args.0"),
        ([{"resident_id": "r-1001"}], "wrong_type", "args.0"),
        (["x" * (MAX_ID_LENGTH + 1)], "too_large", "args.0"),
        (["\ud800"], "not_json", "args.0"),
    ],
    ids=[
        "none",
        "three",
        "a number",
        "null",
        "a list",
        "an object",
        "too long",
        "half a character",
    ],
)
def test_an_argument_that_is_not_text_is_refused(
    admission: Admission, task: str, args: list[object], code: str, field: str
) -> None:
    assert refused(admission, asking(task, *args)) == (code, field)


@pytest.mark.parametrize("task", [PUBLISH_SPACE, MAKE_HISTORY])
def test_a_signature_is_one_short_text(admission: Admission, task: str) -> None:
    assert refused(admission, asking(task, "r-1001", "s" * (MAX_ID_LENGTH + 1))) == ("too_large", "args.1")
    assert refused(admission, asking(task, "r-1001", 7)) == ("wrong_type", "args.1")


@pytest.mark.parametrize("task", [PUBLISH_SPACE, MAKE_HISTORY])
@pytest.mark.parametrize("argument", ["r\x001", "jeanne@example.org"], ids=["NUL", "an address"])
def test_text_that_is_not_a_resident_id_is_refused(admission: Admission, task: str, argument: str) -> None:
    assert refused(admission, asking(task, argument)) == ("invalid_value", "args.0")


@pytest.mark.parametrize("argument", ["r-1001", None, 1])
def test_a_catalogue_request_takes_no_argument(admission: Admission, argument: object) -> None:
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
def test_a_document_request_with_named_arguments_or_control_headers_is_refused(
    admission: Admission, task: str, bent: dict[str, Any], field: str
) -> None:
    raw = asking(task, *(["r-1001"] if task in WITH_TEXT else []), **bent)
    assert refused(admission, raw) == ("malformed_message", field)
