"""Indigo Neo: rights with versions that we count; a version older than the latest changes nothing."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integrations.errors import StaleError, UnclearError
from integrations.indigo_neo.adapter import IndigoNeo
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.indigo_neo_rights import (
    NAME,
    Run,
    sandboxed,
    ways,
)
from tests.integrations.rights import copy, put, record, remove
from tests.support.waiting import eventually


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[IndigoNeo]:
    with sandboxed(sandbox, run) as found:
        yield found


def test_a_british_plate_has_the_class_of_their_document(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    british = replace(permit, country="GB")
    run(adapter.send(put(british, 1)))
    (sent,) = (request for request in sandbox.control.requests(NAME) if request.method == "POST")
    assert '"className":"UKNumberPlate"' in sent.body.replace(" ", "")
    assert sandbox.control.held(NAME)[permit.reference].country == "GB"
    assert run(adapter.page(None)).copies == [copy(british)]


def test_the_first_version_is_created_later_ones_update_it_and_the_last_one_deletes_it_with_one_request_each(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    changed = replace(permit, plate="WW123AA", zones=("75014_B", "75001"))
    run(adapter.send(put(permit)))
    run(adapter.send(put(changed, 2)))
    assert sandbox.control.held(NAME) == {permit.reference: record(changed)}

    run(adapter.send(remove(permit.reference, 3)))
    assert sandbox.control.held(NAME) == {}
    assert ways(sandbox) == [("POST", 201), ("PUT", 200), ("DELETE", 200)]


def test_a_deleted_right_is_created_again_by_a_later_version(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    run(adapter.send(remove(permit.reference, 2)))
    run(adapter.send(put(permit, 3)))

    assert ways(sandbox)[2:] == [("PUT", 404), ("POST", 201)]
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_removal_that_arrives_after_a_change_takes_nothing_away(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit)))
    sandbox.control.misbehave(NAME, Kind.LATE, count=1, delay_ms=300)
    with pytest.raises(UnclearError):
        run(adapter.send(remove(permit.reference, 2)))
    run(adapter.send(put(permit, 3)))
    eventually(lambda: all(request.applied_ms is not None for request in sandbox.control.requests(NAME)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_first_version_of_what_is_there_already_learns_theirs(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit, 7)))
    with pytest.raises(StaleError) as caught:
        run(adapter.send(put(permit)))

    assert caught.value.version == 7


@pytest.mark.parametrize("version", [1, 2])
def test_a_change_whose_answer_was_lost_is_recognised_as_done(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, version: int
) -> None:
    sandbox.control.misbehave(NAME, Kind.RESET_AFTER, count=1, method="POST")
    with pytest.raises(UnclearError):
        run(adapter.send(put(permit, version)))
    run(adapter.send(put(permit, version)))

    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


@pytest.mark.parametrize("version", [1, 2])
def test_a_different_right_of_the_same_version_is_not_taken_for_ours(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit, version: int
) -> None:
    run(adapter.send(put(replace(permit, plate="WW123AA"), version)))
    with pytest.raises(StaleError) as caught:
        run(adapter.send(put(permit, version)))
    run(adapter.send(put(permit, caught.value.version + 1)))

    assert caught.value.version == version
    assert sandbox.control.held(NAME) == {permit.reference: record(permit)}


def test_a_hub_that_lost_its_versions_passes_a_deletion_step_by_step(
    adapter: IndigoNeo, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    run(adapter.send(put(permit, 5)))
    run(adapter.send(remove(permit.reference, 6)))
    run(adapter.send(remove(permit.reference, 3)))  # deleted is deleted
    version, refused = 4, []
    while sandbox.control.held(NAME) == {}:
        try:
            run(adapter.send(put(permit, version)))
        except StaleError as error:
            refused.append(version)
            version = error.version + 1

    assert refused == [4, 5, 6]
