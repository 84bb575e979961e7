"""The generated documents are current and valid, and match the examples."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT7

from schemas import documents
from schemas.asyncapi import asyncapi_document
from schemas.asyncapi_messages import ASKED, messages
from schemas.catalogue import Catalogue
from schemas.events import Event
from schemas.examples import CATALOGUE, EVENT, EXAMPLES, HISTORY, PLATE_READ, RECEIPT, SPACE
from schemas.history import History
from schemas.jobs import KINDS, QUEUES
from schemas.plate_read import PlateRead
from schemas.receipts import Receipt
from schemas.space import Space
from worker.domain.tariffs import load
from worker.settings import DEFAULT_TARIFFS

_TEXTS = documents.documents()
_SCHEMAS = sorted(path for path in _TEXTS if path.startswith("schemas/"))


def test_the_committed_documents_are_current() -> None:
    assert documents.stale() == []


def test_check_lists_stale_documents_and_write_updates_them(tmp_path: Path) -> None:
    documents.write(tmp_path)
    assert documents.stale(tmp_path) == []
    (tmp_path / "schemas/receipt.json").write_text("{}")
    (tmp_path / "schemas/permit.frame.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    assert documents.stale(tmp_path) == ["asyncapi.json", "schemas/permit.frame.json", "schemas/receipt.json"]
    documents.write(tmp_path)
    assert documents.stale(tmp_path) == []


def test_each_document_is_sorted_and_ends_with_a_line_end() -> None:
    for text in _TEXTS.values():
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("path", _SCHEMAS)
def test_each_schema_is_valid_and_accepts_its_example(path: str) -> None:
    schema = json.loads(_TEXTS[path])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    for example in schema["examples"]:
        validator.validate(example)
        assert not validator.is_valid(example | {"nonsense": 1})
        assert not validator.is_valid({})


def _objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for value in node for found in _objects(value)]
    if not isinstance(node, dict):
        return []
    return ([node] if "properties" in node else []) + [found for value in node.values() for found in _objects(value)]


@pytest.mark.parametrize("name", ["event", "provider_event", "space", "history", "catalogue", "plate_read"])
def test_a_schema_of_what_the_hub_writes_says_that_no_field_is_missing(name: str) -> None:
    found = _objects(json.loads(_TEXTS[f"schemas/{name}.json"]))
    assert found
    assert all(set(each["required"]) == set(each["properties"]) for each in found)


def test_every_kind_has_a_schema_and_an_example() -> None:
    assert set(EXAMPLES) == set(KINDS) == set(QUEUES)
    documented = [*KINDS, "receipt", "event", "provider_event", "space", "history", "catalogue", "plate_read"]
    assert sorted(f"schemas/{name}.json" for name in documented) == _SCHEMAS


def test_examples_of_the_hubs_messages_are_as_it_writes_them() -> None:
    documents = ((Event, EVENT), (Space, SPACE), (History, HISTORY), (Catalogue, CATALOGUE), (PlateRead, PLATE_READ))
    for model, example in documents:
        assert model.model_validate_json(json.dumps(example)).model_dump(mode="json") == example
    receipt = Receipt.model_validate_json(json.dumps(RECEIPT))
    assert receipt.model_dump(mode="json", exclude_none=True) == RECEIPT


def _pointed_at(document: Any, reference: str) -> Any:
    place = document
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = asyncapi_document()
    for reference in _references(document):
        assert _pointed_at(document, reference)


def test_the_asyncapi_document_has_the_shape_of_version_3() -> None:
    document: Any = asyncapi_document()
    assert document["asyncapi"] == "3.0.0"
    assert document["info"].keys() >= {"title", "version"}
    for server in document["servers"].values():
        assert server.keys() >= {"host", "protocol"}
    for channel in document["channels"].values():
        in_address = {part.split("}")[0] for part in channel["address"].split("{")[1:]}
        assert in_address == set(channel.get("parameters", {}))
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
        for message in operation["messages"]:  # an operation's messages are those of its own channel
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_received_on_its_queue_and_answered_with_a_receipt(kind: str) -> None:
    document: Any = asyncapi_document()
    operation = document["operations"][kind]
    channel = _pointed_at(document, operation["channel"]["$ref"])
    assert channel["address"] == f"permit-hub:{QUEUES[kind]}"
    assert kind in channel["messages"]
    assert operation["reply"]["channel"] == {"$ref": "#/channels/receipts"}


@pytest.mark.parametrize("task", ASKED)
def test_every_document_has_a_task_that_makes_it(task: str) -> None:
    document: Any = asyncapi_document()
    operation = document["operations"][task]
    assert _pointed_at(document, operation["channel"]["$ref"])["address"] == "permit-hub:jobs"
    assert operation["reply"]["channel"] == {"$ref": "#/channels/published"}


def test_every_message_to_read_has_an_operation_that_sends_it() -> None:
    document: Any = asyncapi_document()
    sent = {each["channel"]["$ref"] for each in document["operations"].values() if each["action"] == "send"}
    assert sent == {
        f"#/channels/{name}" for name in ("space", "history", "catalogue", "plate", "export", "watch", "events")
    }


def test_the_examples_use_a_profile_that_has_a_price() -> None:
    tariffs = load(DEFAULT_TARIFFS)
    examples: Any = EXAMPLES
    space: Any = SPACE
    permits = [examples["permit.request"], *examples["permit.import"]["permits"], *space["cards"]]
    assert all(tariffs.knows(permit["profile"]) for permit in permits)


@pytest.mark.parametrize("name", messages())
def test_each_message_accepts_its_examples(name: str) -> None:
    document: Any = asyncapi_document()
    registry: Registry[Any] = Registry().with_resource("urn:doc", DRAFT7.create_resource(document))
    message = document["components"]["messages"][name]

    def validate(pointer: str, value: object) -> None:
        schema = {"$ref": f"urn:doc#{pointer}"}
        Draft7Validator.check_schema(_pointed_at(document, "#" + pointer))
        Draft7Validator(schema, registry=registry, format_checker=FormatChecker()).validate(value)

    for example in message["examples"]:
        validate(f"/components/messages/{name}/payload", example["payload"])
        if "headers" in message:
            validate(f"/components/messages/{name}/headers", example["headers"])
        if name in KINDS:
            ((job,), _, _) = example["payload"]
            validate(f"/components/schemas/{KINDS[name].__name__}", json.loads(job))
