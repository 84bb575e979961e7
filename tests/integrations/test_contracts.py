"""The contracts are valid OpenAPI, every part has a basis, and the objects that we send are closed."""

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from integrations import registry
from tests.integrations.contracts import Contract

METHODS = {"get", "post", "put", "patch", "delete"}
CONTRACTS = pytest.mark.parametrize("provider", registry.ADAPTERS)


@CONTRACTS
def test_a_contract_is_valid_openapi(provider: str) -> None:
    document = Contract.of(provider).document

    assert document["openapi"].startswith("3.1")
    validate(document)


@CONTRACTS
def test_every_part_has_a_basis(provider: str) -> None:
    document = Contract.of(provider).document

    for name, part in (*_operations(document), *document["components"]["schemas"].items()):
        assert part.get("x-basis") in {"verified", "assumed"}, name
        assert part["x-basis"] == "assumed" or part.get("x-source"), name


@CONTRACTS
def test_every_object_that_we_send_is_closed(provider: str) -> None:
    """The suite needs closed objects to find out which fields are sent."""
    for place, schema in _request_schemas(Contract.of(provider).document):
        assert schema.get("additionalProperties") is False or schema.get("unevaluatedProperties") is False, place


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def _request_schemas(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return all schemas of objects in the bodies of requests."""
    for name, operation in _operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from _objects(name, content["schema"], document)


def _objects(place: str, schema: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    while "$ref" in schema:
        schema = _referred(schema["$ref"], document)
    if schema.get("type") == "object":
        yield place, schema
    for name, part in schema.get("properties", {}).items():
        yield from _objects(f"{place}.{name}", part, document)
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from _objects(place, part, document)


def _referred(reference: str, document: dict[str, Any]) -> dict[str, Any]:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
