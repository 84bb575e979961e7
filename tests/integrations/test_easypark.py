"""EasyPark: register and extend, each falling back on the other; error numbers; days written as midnights."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from integrations.easypark.adapter import EasyPark
from integrations.errors import UnclearError
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit, Validity
from tests.conftest import Sandbox
from tests.integrations.easypark_rights import NAME, Run, sandboxed
from tests.integrations.rights import put, record, remove
from tests.support.waiting import eventually


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[EasyPark]:
    with sandboxed(sandbox, run) as found:
        yield found


def ways(sandbox: Sandbox) -> list[tuple[str, int | None]]:
    return [(request.method, request.status) for request in sandbox.control.requests(NAME)]


def test_the_first_put_registers_and_a_later_one_extends_with_one_request_each(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA", zones=("75014_B", "75001"))
    run(adapter.send(put(permit)))
    run(adapter.send(put(changed, 2)))

    assert ways(sandbox) == [("POST", 201), ("PUT", 204)]
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}


def test_an_equal_registered_right_is_left_alone(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.hold(NAME, permit.reference, record(permit))
    run(adapter.send(put(permit)))

    assert ways(sandbox) == [("POST", 409)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


@pytest.mark.parametrize(
    "other",
    [
        {"plate": "WW123AA"},
        {"country": "QY"},
        {"zones": ("75014_B", "75014_A")},
        {"profile": "zz_two_wheeler"},
        {"validity": Validity(date(2024, 3, 31), date(2024, 10, 28))},
    ],
    ids=lambda other: str(*other),
)
def test_a_different_registered_right_is_replaced(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit, other: dict[str, Any]
) -> None:
    sandbox.control.hold(NAME, permit.reference, record(replace(permit, **other)))
    run(adapter.send(put(permit)))

    assert ways(sandbox) == [("POST", 409), ("PUT", 204)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_later_put_registers_a_missing_right(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit, 7)))

    assert ways(sandbox) == [("PUT", 404), ("POST", 201)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_late_change_after_the_removal_restores_nothing(
    adapter: EasyPark, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    sandbox.control.misbehave(NAME, Kind.LATE, count=1, delay_ms=300)
    with pytest.raises(UnclearError):
        run(adapter.send(put(replace(permit, plate="WW123AA"), 2)))
    run(adapter.send(remove(permit.reference, 3)))
    eventually(lambda: all(request.applied_ms is not None for request in sandbox.control.requests(NAME)))

    assert sandbox.control.held(NAME) == {}
