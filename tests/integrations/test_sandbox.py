"""The sandbox: strict towards adapters, honest to whoever asks, and quick to stop."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from integrations import registry
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.server import DIALECTS
from integrations.settings import ProviderSettings
from schemas.shared import SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.conftest import Run
from tests.integrations.subjects import PARIS, Remote, wait_until

BACKWARDS = Validity(date(2025, 1, 2), date(2025, 1, 1))


@pytest.fixture(params=DIALECTS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"plate": "QJ-817-XK"}, FailureCode.PLATE_REFUSED),
        ({"plate": "qj817xk"}, FailureCode.PLATE_REFUSED),
        ({"plate": "Q" * 300}, FailureCode.PLATE_REFUSED),
        ({"country": "fr"}, FailureCode.COUNTRY_REFUSED),
        ({"zones": ("eleven_long",)}, FailureCode.ZONE_UNKNOWN),
        ({"profile": "Resident"}, FailureCode.PROFILE_UNKNOWN),
        ({"validity": BACKWARDS}, FailureCode.VALIDITY_REFUSED),
        ({"zones": ()}, FailureCode.REQUEST_REFUSED),
    ],
)
def test_what_a_provider_refuses_comes_back_in_our_words(
    subject: Remote, permit: SharedPermit, run: Run, wrong: dict[str, Any], code: FailureCode
) -> None:
    if not wrong.keys() & subject.adapter.capabilities.fields:
        return
    with pytest.raises(RejectedError) as caught:
        run(subject.adapter.put(replace(permit, **wrong)))

    assert caught.value.code == code
    assert subject.held() == {}


@pytest.mark.parametrize("method", ["put", "remove"])
def test_a_wrong_key_is_refused_and_not_shown(
    provider: str, sandbox: Sandbox, permit: SharedPermit, run: Run, method: str
) -> None:
    access = ProviderSettings.model_validate({"url": f"{sandbox.url}/{provider}", "key": "a-wrong-key-that-is-long"})

    error = _failure(provider, access, permit, run, method)

    assert (type(error), error.code) == (NotSentError, FailureCode.UNAUTHORISED)
    assert "a-wrong-key" not in repr(error)


@pytest.mark.parametrize("method", ["put", "remove"])
def test_a_wrong_address_is_neither_a_refusal_nor_an_absence(
    provider: str, sandbox: Sandbox, permit: SharedPermit, run: Run, method: str
) -> None:
    access = ProviderSettings.model_validate(
        {"url": f"{sandbox.url}/{provider}/elsewhere", "key": sandbox.keys[provider]}
    )

    error = _failure(provider, access, permit, run, method)

    assert (type(error), error.code) == (UnclearError, FailureCode.ANSWER_UNREADABLE)


def test_an_unknown_or_missing_member_is_refused_at_every_depth(
    provider: str, subject: Remote, permit: SharedPermit, run: Run, sandbox: Sandbox
) -> None:
    run(subject.adapter.put(permit))
    (good,) = sandbox.control.requests(provider)
    sandbox.control.reset(provider)

    for wrong in _spoilt(good.document):
        headers = {
            name: value.replace("[the right key]", sandbox.keys[provider]) for name, value in good.headers.items()
        }
        headers.pop("Content-Length")
        answer = httpx.put(f"{sandbox.url}/{provider}{good.path}", headers=headers, content=json.dumps(wrong))
        assert answer.status_code in {400, 422}, wrong

    assert subject.held() == {}


def test_requests_are_told_in_order_with_their_times(
    provider: str, sandbox: Sandbox, subject: Remote, run: Run
) -> None:
    references = [uuid4() for _ in range(3)]
    for reference in references:
        run(subject.adapter.remove(reference))

    requests = sandbox.control.requests(provider)

    assert [UUID(request.reference) for request in requests] == references
    assert [request.sequence for request in requests] == [1, 2, 3]
    assert sorted(request.arrived_ms for request in requests) == [request.arrived_ms for request in requests]
    assert [request.applied_ms for request in requests] == [None] * 3
    assert sandbox.control.requests(provider, references[1]) == requests[1:2]
    assert sandbox.control.requests(provider, after=2) == requests[2:]


def test_the_key_is_not_told(provider: str, sandbox: Sandbox, subject: Remote, run: Run) -> None:
    run(subject.adapter.remove(uuid4()))

    assert sandbox.keys[provider] not in str(subject.sent())


def test_counts_follow(provider: str, sandbox: Sandbox, subject: Remote, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))
    run(subject.adapter.put(permit))
    run(subject.adapter.remove(uuid4()))

    counts = sandbox.control.counts(provider)

    assert (counts.held, counts.received, counts.applied) == (1, 3, 2)
    assert sandbox.control.held(provider, uuid4()) == {}
    assert sandbox.control.held(provider, permit.reference).keys() == {permit.reference}


def test_a_part_of_the_requests_can_suffer(sandbox: Sandbox, permit: SharedPermit, run: Run, subject: Remote) -> None:
    name = subject.adapter.name
    sandbox.control.misbehave(name, Kind.DOWN, rate=0.25, method="PUT")

    assert [_fails(subject, permit, run) for _ in range(8)] == [False, False, False, True] * 2
    run(subject.adapter.remove(permit.reference))
    sandbox.control.behave(name)
    assert [_fails(subject, permit, run) for _ in range(4)] == [False] * 4


def test_a_misbehaviour_can_end_by_itself(sandbox: Sandbox, permit: SharedPermit, run: Run, subject: Remote) -> None:
    sandbox.control.misbehave(subject.adapter.name, Kind.DOWN, seconds=0.2)

    assert _fails(subject, permit, run)
    wait_until(lambda: not _fails(subject, permit, run))


def test_a_reset_forgets_what_was_still_to_be_applied(
    sandbox: Sandbox, subject: Remote, permit: SharedPermit, run: Run
) -> None:
    sandbox.control.misbehave(subject.adapter.name, Kind.LATE, count=1, delay_ms=50)
    assert _fails(subject, permit, run)
    sandbox.control.reset(subject.adapter.name)
    later = replace(permit, reference=uuid4())

    sandbox.control.misbehave(subject.adapter.name, Kind.SLOW, count=1, delay_ms=100)
    run(subject.adapter.put(later))

    assert subject.held().keys() == {later.reference}


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "sulk"},
        {"kind": "down", "rate": 2},
        {"kind": "down", "count": 0},
        {"kind": "down", "often": 1},
        [],
        {"kind": []},
        {"kind": "down", "method": []},
        {"kind": "down", "retry_after": 3},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(sandbox: Sandbox, order: object) -> None:
    answer = httpx.post(f"{sandbox.url}/_control/easypark/misbehave", json=order)

    assert answer.status_code == 400
    assert answer.json()["problem"]


def test_a_provider_of_another_name_is_not_there(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/nobody/x").status_code == 404
    assert httpx.get(f"{sandbox.url}/_control/nobody/held").status_code == 404


def test_it_stops_at_once_with_a_request_under_way() -> None:
    environment = os.environ | {f"PERMIT_HUB_{name.upper()}_KEY": "0123456789abcdef" for name in DIALECTS}
    command = [sys.executable, "-m", "integrations.sandbox", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        httpx.post(f"{url}/_control/easypark/misbehave", json={"kind": "hang"}).raise_for_status()
        with pytest.raises(httpx.ReadTimeout):
            httpx.delete(f"{url}/easypark/registrations/{uuid4()}", timeout=0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


def test_a_missing_key_is_named() -> None:
    command = [sys.executable, "-m", "integrations.sandbox", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert re.findall(r"PERMIT_HUB_\w+_KEY", done.stderr) == [f"PERMIT_HUB_{name.upper()}_KEY" for name in DIALECTS]


def test_a_port_that_is_taken_is_named(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "integrations.sandbox", "--port", port]
    done = subprocess.run(command, env=os.environ | sandbox.environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def _failure(provider: str, access: ProviderSettings, permit: SharedPermit, run: Run, method: str) -> ProviderError:
    adapter = registry.adapter_type(provider)(access, zone=PARIS, connections=1)
    with pytest.raises(ProviderError) as caught:
        run(adapter.put(permit) if method == "put" else adapter.remove(permit.reference))
    run(adapter.aclose())
    return caught.value


def _fails(subject: Remote, permit: SharedPermit, run: Run) -> bool:
    try:
        run(subject.adapter.put(permit))
    except ProviderError:
        return True
    return False


def _spoilt(document: object) -> list[object]:
    """Return the document with, at each place in turn, a member too many, one too few, or a value of another type."""
    if isinstance(document, dict):
        here: list[object] = [document | {"extra": 1}, None, 7]
        here += [{name: value for name, value in document.items() if name != gone} for gone in document]
        return here + [document | {name: wrong} for name, value in document.items() for wrong in _spoilt(value)]
    if isinstance(document, list):
        return [None, {}, [], *([wrong, *document[1:]] for wrong in _spoilt(document[0]))]
    return [None, 7, [document]]
