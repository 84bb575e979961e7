"""What every provider must do, whoever it is: looked at from the provider's side."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from integrations.errors import FailureCode, RejectedError
from schemas.shared import SharedField, SharedPermit
from tests.integrations.conftest import Run
from tests.integrations.subjects import Subject, changed, declared, without


def test_what_is_put_is_held(subject: Subject, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))

    assert subject.held() == {permit.reference: declared(subject.adapter, permit)}


@pytest.mark.parametrize("field", SharedField)
def test_a_change_is_held_if_its_field_is_declared(
    subject: Subject, permit: SharedPermit, run: Run, field: SharedField
) -> None:
    run(subject.adapter.put(permit))
    run(subject.adapter.put(changed(permit, field)))

    assert subject.held() == {permit.reference: declared(subject.adapter, changed(permit, field))}


def test_the_same_put_twice_has_one_effect(subject: Subject, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))
    run(subject.adapter.put(permit))

    first, second = subject.sent()
    assert first == second
    assert subject.held() == {permit.reference: declared(subject.adapter, permit)}


def test_what_is_removed_is_not_held_and_nothing_else_goes(subject: Subject, permit: SharedPermit, run: Run) -> None:
    other = replace(permit, reference=uuid4())
    run(subject.adapter.put(permit))
    run(subject.adapter.put(other))

    run(subject.adapter.remove(permit.reference))

    assert subject.held().keys() == {other.reference}


def test_removing_twice_is_success(subject: Subject, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))

    run(subject.adapter.remove(permit.reference))
    run(subject.adapter.remove(permit.reference))

    assert subject.held() == {}


def test_removing_what_was_never_held_is_success(subject: Subject, run: Run) -> None:
    run(subject.adapter.remove(uuid4()))

    assert subject.held() == {}


def test_what_was_removed_can_be_put_again(subject: Subject, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))
    run(subject.adapter.remove(permit.reference))
    run(subject.adapter.put(permit))

    assert subject.held() == {permit.reference: declared(subject.adapter, permit)}


def test_undeclared_fields_change_nothing_that_is_sent(subject: Subject, permit: SharedPermit, run: Run) -> None:
    undeclared = set(SharedField) - subject.adapter.capabilities.fields

    run(subject.adapter.put(permit))
    for field in undeclared:
        run(subject.adapter.put(changed(permit, field)))
    run(subject.adapter.put(without(permit, *undeclared)))

    assert len(set(subject.sent())) == 1


def test_only_declared_fields_leave(subject: Subject, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))

    (sent,) = subject.sent()
    values = {SharedField.PLATE: permit.plate, SharedField.COUNTRY: permit.country, SharedField.PROFILE: permit.profile}
    for field, value in values.items():
        assert (str(value) in sent) == (field in subject.adapter.capabilities.fields), field


def test_a_removal_carries_nothing_but_the_reference(subject: Subject, permit: SharedPermit, run: Run) -> None:
    run(subject.adapter.put(permit))
    run(subject.adapter.remove(permit.reference))

    removal = subject.sent()[-1]
    assert str(permit.reference) in removal
    assert not any(str(value) in removal for value in (permit.plate, permit.profile, permit.country, "75014"))


@pytest.mark.parametrize("field", SharedField)
def test_a_right_is_not_sent_without_a_declared_field(
    subject: Subject, permit: SharedPermit, run: Run, field: SharedField
) -> None:
    if field not in subject.adapter.capabilities.fields:
        return
    with pytest.raises(RejectedError) as caught:
        run(subject.adapter.put(without(permit, field)))

    assert caught.value.code == FailureCode.FIELD_MISSING
    assert subject.sent() == []


def test_many_at_once_are_each_carried_out(subject: Subject, permit: SharedPermit, run: Run) -> None:
    permits = [replace(permit, reference=uuid4(), plate=f"AA{number}BB") for number in range(64)]

    async def put_all() -> None:
        await asyncio.gather(*(subject.adapter.put(each) for each in permits))

    run(put_all())

    assert subject.held() == {each.reference: declared(subject.adapter, each) for each in permits}
