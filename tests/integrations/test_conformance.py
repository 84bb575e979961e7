"""What every provider must do with what it is sent, whatever its own words: over real HTTP(S), and in memory."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from openapi_core.exceptions import OpenAPIError

from integrations import registry
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.settings import ProviderSettings
from schemas.shared import SharedField, SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.contracts import Contract
from tests.integrations.engine import Hub
from tests.integrations.subjects import (
    CHANGES,
    PARIS,
    SERVERS,
    SUITE,
    Remote,
    Subject,
    another,
    changed,
    expected,
    without,
)


def test_no_registered_provider_is_missing_from_the_suite() -> None:
    assert set(SUITE) >= registry.ADAPTERS.keys()
    assert SERVERS.keys() >= registry.ADAPTERS.keys(), "what has no sandbox cannot be held to anything"
    for provider in registry.ADAPTERS:
        assert Contract.of(provider).document["paths"], "what has no contract cannot be held to it"


def test_what_is_put_is_held(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))

    assert subject.held() == {permit.reference: expected(subject, permit)}


@pytest.mark.parametrize("field", SharedField)
def test_each_declared_field_can_change(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run, field: SharedField
) -> None:
    run(hub.put(permit))
    run(hub.put(changed(permit, field)))

    assert subject.held() == {permit.reference: expected(subject, changed(permit, field))}


def test_the_same_change_twice_has_one_effect(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    for wanted in (permit, changed(permit), None):
        change = hub.change(permit.reference, wanted)
        for _ in range(2):
            run(hub.carry_out(change))
            assert subject.held() == ({} if wanted is None else {permit.reference: expected(subject, wanted)})


def test_the_same_permit_twice_is_held_once(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))
    run(hub.put(permit))

    assert subject.held() == {permit.reference: expected(subject, permit)}


def test_what_is_removed_is_not_held_and_nothing_else_goes(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    other = replace(permit, reference=uuid4())
    run(hub.put(permit))
    run(hub.put(other))

    run(hub.remove(permit.reference))

    assert subject.held() == {other.reference: expected(subject, other)}


def test_removing_twice_is_success(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))

    run(hub.remove(permit.reference))
    run(hub.remove(permit.reference))

    assert subject.held() == {}


def test_removing_what_was_never_held_is_success(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))

    run(hub.remove(uuid4()))

    assert subject.held().keys() == {permit.reference}


def test_removing_where_nothing_was_ever_held_is_success(subject: Subject, hub: Hub, run: Run) -> None:
    run(hub.remove(uuid4()))

    assert subject.held() == {}


def test_what_was_removed_can_be_put_again(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))
    run(hub.remove(permit.reference))
    run(hub.put(changed(permit)))

    assert subject.held() == {permit.reference: expected(subject, changed(permit))}


def test_undeclared_fields_change_nothing_that_is_sent(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    undeclared = set(SharedField) - subject.adapter.capabilities.fields
    if not undeclared:
        return
    run(hub.put(permit))
    run(hub.put(changed(permit, *undeclared)))
    run(hub.put(without(permit, *undeclared)))

    assert subject.held() == {permit.reference: expected(subject, permit)}
    values = {str(CHANGES[field]) for field in undeclared - {SharedField.ZONES, SharedField.VALIDITY}}
    assert not any(value in sent for value in values for sent in subject.sent())


def test_only_declared_fields_leave(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))
    run(hub.remove(permit.reference))

    values = {SharedField.PLATE: permit.plate, SharedField.COUNTRY: permit.country, SharedField.PROFILE: permit.profile}
    for field, value in values.items():
        if field not in subject.adapter.capabilities.fields:
            assert not any(str(value) in sent for sent in subject.sent()), field


def test_a_removal_carries_nothing_but_the_reference(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    run(hub.put(permit))
    sent = subject.sent()
    run(hub.remove(permit.reference))

    removal = subject.sent()[len(sent) :]
    assert any(str(permit.reference) in request for request in removal)
    values = (permit.plate, permit.profile, permit.country, "75014")
    assert not any(str(value) in request for value in values for request in removal)


def test_a_right_is_not_sent_without_a_declared_field(
    subject: Subject, hub: Hub, permit: SharedPermit, run: Run
) -> None:
    declared = subject.adapter.capabilities.fields
    for incomplete in (*(without(permit, field) for field in declared), replace(permit, zones=())):
        with pytest.raises(RejectedError) as caught:
            run(hub.put(incomplete))
        assert caught.value.code == FailureCode.FIELD_MISSING

    assert subject.sent(permit.reference) == []


def test_many_at_once_are_each_carried_out(subject: Subject, hub: Hub, permit: SharedPermit, run: Run) -> None:
    permits = [another(permit, number) for number in range(64)]

    async def put_all() -> None:
        await asyncio.gather(*(hub.put(each) for each in permits))

    run(put_all())

    assert subject.held() == {each.reference: expected(subject, each) for each in permits}


@pytest.mark.parametrize(
    ("provider", "secret"),
    [(name, secret) for name in registry.ADAPTERS for secret in SERVERS[name].secrets],
)
@pytest.mark.parametrize("removes", [False, True])
def test_a_wrong_secret_is_refused_and_not_shown(
    subject: Remote, permit: SharedPermit, run: Run, monkeypatch: pytest.MonkeyPatch, removes: bool, secret: str
) -> None:
    subject.in_contract = False
    wrong = "a-wrong-secret-that-is-long"
    monkeypatch.setenv(f"PERMIT_HUB_{subject.name.upper()}_{secret.upper()}", wrong)

    error = _failure(subject.name, registry.access(subject.name), permit, run, removes=removes)

    assert (type(error), error.code) == (NotSentError, FailureCode.UNAUTHORISED)
    assert wrong not in repr(error)
    assert subject.held() == {}


@pytest.mark.parametrize("provider", registry.ADAPTERS)
@pytest.mark.parametrize("removes", [False, True])
def test_a_wrong_address_is_neither_a_refusal_nor_an_absence(
    subject: Remote, permit: SharedPermit, run: Run, monkeypatch: pytest.MonkeyPatch, removes: bool
) -> None:
    subject.in_contract = False
    monkeypatch.setenv(f"PERMIT_HUB_{subject.name.upper()}_URL", f"{subject.url}/elsewhere")

    error = _failure(subject.name, registry.access(subject.name), permit, run, removes=removes)

    assert isinstance(error, NotSentError | UnclearError)
    assert error.code == FailureCode.ANSWER_UNREADABLE


@pytest.mark.parametrize("provider", registry.ADAPTERS)
def test_the_contract_is_one_that_bites(subject: Remote, hub: Hub, permit: SharedPermit, run: Run) -> None:
    run(hub.put(permit))
    contract = Contract.of(subject.name)
    put = next(request for request in subject.control.requests(subject.name, permit.reference) if request.body)

    contract.check(put)
    for spoilt in (
        replace(put, headers={name: value for name, value in put.headers.items() if "[" not in value}),
        replace(put, path=f"{put.path}?more=1"),
        replace(put, path=f"/elsewhere{put.path}"),
        replace(put, method="PATCH"),
        replace(put, body=put.body.replace('"', '"x', 1)),
    ):
        with pytest.raises((OpenAPIError, AssertionError)):
            contract.check(spoilt)


def _failure(
    provider: str, access: ProviderSettings, permit: SharedPermit, run: Run, *, removes: bool
) -> ProviderError:
    adapter = registry.adapter(provider, access, zone=PARIS, connections=1)
    hub = Hub(adapter)
    with pytest.raises(ProviderError) as caught:
        run(hub.remove(permit.reference) if removes else hub.put(permit))
    run(adapter.aclose())
    return caught.value
