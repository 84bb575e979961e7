"""Flowbird: batches with a result for each row, behind a certificate and a token."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integrations.errors import FailureCode, RejectedError, UnclearError
from integrations.flowbird.adapter import Flowbird
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.flowbird_rights import NAME, Run, ended, many, sandboxed
from tests.integrations.rights import put


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[Flowbird]:
    with sandboxed(sandbox, run) as found:
        yield found


def test_an_incomplete_permit_stays_refused_when_the_others_fail(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    sandbox.control.misbehave(NAME, Kind.ERROR_BEFORE, path="/hub")
    whole, incomplete = many(permit, 2)

    answers = run(adapter.send_all([put(replace(incomplete, plate=None)), put(whole)]))

    assert [ended(error) for error in answers] == [
        (RejectedError, FailureCode.FIELD_MISSING, None),
        (UnclearError, FailureCode.SERVER_ERROR, 500),
    ]
