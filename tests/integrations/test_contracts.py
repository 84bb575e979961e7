"""The contracts are sound, and each sandbox is what its contract says, whatever it is sent."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from integrations import registry
from integrations.sandbox import records
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.conftest import Run
from tests.integrations.contracts import Contract
from tests.integrations.credentials import shown
from tests.integrations.subjects import Hub, Remote

EXAMPLES = 160  # for all operations of a contract together
SEED = 20_240_916
KNOWN = 3  # rights that are there already
BEYOND = [
    not_a_server_error,  # some of theirs are documented; what is not, has another type of content
    positive_data_acceptance,  # what two fields say together, such as an order of days, no schema can express
]

CONTRACTS = pytest.mark.parametrize("provider", registry.ADAPTERS)


@CONTRACTS
def test_a_contract_is_valid_openapi(provider: str) -> None:
    document = Contract.of(provider).document

    assert document["openapi"].startswith("3.1")
    validate(document)


@CONTRACTS
def test_every_part_says_what_it_rests_on(provider: str) -> None:
    document = Contract.of(provider).document
    methods = {"get", "post", "put", "patch", "delete"}
    operations = {
        f"{method} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in methods
    }

    for name, part in (operations | document["components"]["schemas"]).items():
        assert part.get("x-basis") in {"verified", "assumed"}, name
        assert part["x-basis"] == "assumed" or part.get("x-source"), name


@CONTRACTS
def test_whatever_is_not_asked_for_is_refused(provider: str) -> None:
    """Every object that we send is closed: only so can the suite tell what leaves."""
    for place, schema in _request_schemas(Contract.of(provider).document):
        assert schema.get("additionalProperties") is False or schema.get("unevaluatedProperties") is False, place


@CONTRACTS
def test_the_sandbox_answers_as_its_contract_says(
    subject: Remote, hub: Hub, sandbox: Sandbox, permit: SharedPermit, run: Run
) -> None:
    subject.in_contract = False
    run(hub.put(permit))  # its own requests show how one is let in
    headers = dict(shown(subject, sandbox))
    subject.control.hold_many(subject.name, KNOWN)
    known = [records.numbered(number + 1)[0] for number in range(KNOWN)]
    contract = schemathesis.openapi.from_dict(Contract.of(subject.name).document)
    tried = 0
    with requests.Session() as session:
        session.trust_env = False
        operations = [found.ok() for found in contract.get_all_operations()]
        for operation in operations:
            cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

            @seed(SEED)
            @hypothesis.settings(
                max_examples=EXAMPLES // len(operations),
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=cases, there=st.none() | st.sampled_from(known))
            def answers_as_promised(case: Any, there: str | None) -> None:
                nonlocal tried
                tried += 1
                wrong = {place for place, part in case.meta.components.items() if part.mode.is_negative}
                if there is not None and len(case.path_parameters) == 1 and ParameterLocation.PATH not in wrong:
                    case.path_parameters = dict.fromkeys(case.path_parameters, there)
                if ParameterLocation.HEADER not in wrong:
                    case.headers.update(headers)
                case.call_and_validate(
                    base_url=subject.url,
                    session=session,
                    excluded_checks=BEYOND,
                    verify=str(sandbox.access.authority),
                    cert=str(sandbox.access.client),
                )

            answers_as_promised()
    assert tried > EXAMPLES / 2
    answered = subject.control.requests(subject.name)
    assert [request.path for request in answered if request.status is None] == [], "the sandbox itself broke down"


def _request_schemas(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return all schemas of objects in the bodies of requests."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for content in (
                operation.get("requestBody", {}).get("content", {}).values() if method != "parameters" else ()
            ):
                yield from _objects(f"{method} {path}", content["schema"], document)


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
