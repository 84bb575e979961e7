"""Each sandbox follows its contract: for our adapter's requests, for spoilt copies, and for generated requests."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast
from urllib.parse import parse_qsl
from uuid import uuid4

import httpx
import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import strategies as st
from openapi_core.exceptions import OpenAPIError
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Err, Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from integrations import registry
from integrations.sandbox import records
from integrations.sandbox.control import Request
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.conftest import Run
from tests.integrations.contracts import Contract
from tests.integrations.credentials import client, real, shown
from tests.integrations.engine import Hub
from tests.integrations.subjects import Remote, another, changed

EXAMPLES = 80  # for all operations of a contract together
SEED = 20_240_916
KNOWN = [records.numbered(number)[0] for number in (1, 2, 3)]  # these exist already
BEYOND = [
    not_a_server_error,  # some server errors are documented; others have another content type
    positive_data_acceptance,  # no schema can express a rule about two fields, such as the order of days
]
OF_THE_CONNECTION = {"host", "content-length", "accept-encoding", "connection", "user-agent"}

Operation = Any  # schemathesis's, whose types are its own
Case = Any
Validate = Callable[[Case], None]

pytestmark = pytest.mark.parametrize("provider", registry.ADAPTERS)


@pytest.fixture
def sent(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> list[Request]:
    """Return our adapter's requests, one of each kind."""
    permits = [another(permit, number) for number in range(3)]
    can = subject.adapter.capabilities
    for wanted in (permit, changed(permit), None, None, permit):
        run(hub.converge(permit.reference, wanted))
    if can.batch > 1:
        run(hub.send_all([hub.change(one.reference, one) for one in permits]))
        run(hub.send_all([hub.change(one.reference, None) for one in permits]))
    if can.lists:
        run(hub.list_all())
    found = {_kind(request): request for request in subject.control.requests(subject.name)}
    subject.control.hold_many(subject.name, len(KNOWN))
    return list(found.values())


@pytest.fixture
def validate(subject: Remote, sandbox: Sandbox) -> Iterator[Validate]:
    """Send a case and compare the answer with the contract."""
    with requests.Session() as session:
        session.trust_env = False

        def call(case: Case) -> None:
            case.call_and_validate(
                base_url=subject.url,
                session=session,
                excluded_checks=BEYOND,
                verify=str(sandbox.access.authority),
                cert=str(sandbox.access.client_certificate),
            )

        yield call
    answered = subject.control.requests(subject.name)
    assert [request.path for request in answered if request.status is None] == [], "the sandbox itself broke down"


def test_our_adapters_requests_are_answered_as_in_the_contract(
    subject: Remote, sandbox: Sandbox, permit: SharedPermit, sent: list[Request], validate: Validate
) -> None:
    subject.in_contract = False  # some are repeated without authorisation
    headers = shown(subject, sandbox)
    ours = str(permit.reference)
    for request in sent:
        operation, parameters = _operation(subject.name, request)
        for reference in (ours, *KNOWN, str(uuid4())):
            about = _about(request, ours, reference)
            own = {name: real(value, subject, sandbox) for name, value in _own_headers(about).items()}
            validate(
                operation.Case(
                    path_parameters={name: value.replace(ours, reference) for name, value in parameters.items()},
                    query=dict(parse_qsl(about.path.partition("?")[2])),
                    headers=own if _gets_token(about) else own | headers,
                    body=_document(about),
                    media_type=about.headers.get("Content-Type"),
                )
            )


def test_requests_outside_the_contract_are_refused(subject: Remote, sandbox: Sandbox, sent: list[Request]) -> None:
    subject.in_contract = False
    contract = Contract.of(subject.name)
    headers = shown(subject, sandbox)
    held, tried = subject.held(), 0
    with client(subject, sandbox) as http:
        for request in sent:
            operation, _ = _operation(subject.name, request)
            not_missed = operation.definition.raw.get("x-not-missed", ())
            for wrong in _spoilt(request):
                if not _ruled_out(contract, wrong) or _lacks_only(not_missed, wrong, request):
                    continue
                tried += 1
                own = {name: real(value, subject, sandbox) for name, value in _own_headers(wrong).items()}
                answer = _send(http, subject, wrong, own if _gets_token(wrong) else own | headers)
                assert answer.status_code >= 400, (wrong.method, wrong.path, wrong.body)
    assert tried > len(sent)
    assert subject.held() == held


def test_generated_requests_are_answered_as_in_the_contract(
    subject: Remote, sandbox: Sandbox, sent: list[Request], validate: Validate
) -> None:
    subject.in_contract = False
    headers = shown(subject, sandbox)
    operations = _operations(subject.name)
    tried = 0
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
        @given(case=cases, there=st.none() | st.sampled_from(KNOWN))
        def answers_as_promised(case: Case, there: str | None) -> None:
            nonlocal tried
            hypothesis.assume(all(value not in ([], {}) for value in case.query.values()))  # empty ones are not sent
            tried += 1
            wrong = {place for place, part in case.meta.components.items() if part.mode.is_negative}
            if there is not None and len(case.path_parameters) == 1 and ParameterLocation.PATH not in wrong:
                case.path_parameters = dict.fromkeys(case.path_parameters, there)
            if ParameterLocation.HEADER not in wrong:
                case.headers.update(headers)
            validate(case)

        answers_as_promised()
    assert tried > EXAMPLES / 2


def _operations(provider: str) -> list[Operation]:
    contract = schemathesis.openapi.from_dict(Contract.of(provider).document)
    found = [*contract.get_all_operations()]
    assert [one for one in found if isinstance(one, Err)] == []
    return [one.ok() for one in found if isinstance(one, Ok)]


def _operation(provider: str, request: Request) -> tuple[Operation, dict[str, str]]:
    """Return a request's operation and path parameters."""
    path = request.path.partition("?")[0]
    for operation in _operations(provider):
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path), path)
        if found and operation.method.upper() == request.method:
            return operation, found.groupdict()
    raise AssertionError(f"{request.method} {path} is not in the contract")


def _kind(request: Request) -> tuple[str, str, int | None]:
    """Return a key that is equal for requests of one kind."""
    return request.method, re.sub(r"[0-9a-f-]{36}|\d+", "…", request.path), request.status


def _own_headers(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() not in OF_THE_CONNECTION}


def _gets_token(request: Request) -> bool:
    return request.headers.get("Authorization", "").startswith("Basic ")


def _about(request: Request, reference: str, other: str) -> Request:
    return replace(request, path=request.path.replace(reference, other), body=request.body.replace(reference, other))


def _document(request: Request) -> object:
    if not request.body:
        return NOT_SET
    return json.loads(request.body) if "json" in request.headers["Content-Type"] else dict(parse_qsl(request.body))


def _send(http: httpx.Client, subject: Remote, request: Request, headers: dict[str, str]) -> httpx.Response:
    content = request.body.encode() if request.body else None
    return http.request(request.method, subject.url + request.path, content=content, headers=headers)


def _ruled_out(contract: Contract, request: Request) -> bool:
    try:
        contract.check(request)
    except (OpenAPIError, AssertionError):
        return True
    return False


def _lacks_only(members: Collection[str], wrong: Request, right: Request) -> bool:
    """Return whether two bodies differ only by these missing keys."""
    given, whole = _document(wrong), _document(right)
    if not isinstance(given, dict) or not isinstance(whole, dict):
        return False
    return given != whole and given == {name: value for name, value in whole.items() if name not in members}


def _spoilt(request: Request) -> Iterator[Request]:
    """Yield spoilt copies of a request: with a key too many, too few or of another type, at every depth."""
    if "json" in request.headers.get("Content-Type", ""):
        document = cast(object, json.loads(request.body))
        yield replace(request, headers=request.headers | {"Content-Type": "text/plain"})
        for wrong in _wrong(document):
            yield replace(request, body=json.dumps(wrong))


def _wrong(value: object) -> Iterator[object]:
    yield {"unexpected": value} if not isinstance(value, dict) else 12
    if isinstance(value, dict):
        yield value | {"unexpected": 1}
        for name, part in value.items():
            yield {other: deepcopy(rest) for other, rest in value.items() if other != name}
            for wrong in _wrong(part):
                yield value | {name: wrong}
    if isinstance(value, list) and value:
        yield []
        for wrong in _wrong(value[0]):
            yield [wrong, *value[1:]]
