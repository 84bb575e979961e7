"""Flowbird's batches that are refused as a whole: split, until only what is at fault is refused."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, log2
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.flowbird.adapter import Flowbird
from integrations.flowbird.splitting import send_in_parts
from integrations.sandbox.misbehaviour import Kind
from schemas.shared import SharedPermit
from tests.conftest import Sandbox
from tests.integrations.flowbird_rights import BATCH, NAME, NINE_ZONES, Run, batches, ended, many, records, sandboxed
from tests.integrations.rights import put, remove

LIMIT = 500
DEADLINE_SECONDS = 3.0  # as the engine's
LONG_SECONDS = 20.0  # where it is not what is looked at
EVERY_FOURTH = 0.25  # of the batches suffers
REFUSED = (RejectedError, FailureCode.REQUEST_REFUSED, 422)


@pytest.fixture
def adapter(sandbox: Sandbox, run: Run) -> Iterator[Flowbird]:
    with sandboxed(sandbox, run) as found:
        yield found


def poison(permits: list[SharedPermit], *places: int) -> None:
    """Make the sandbox refuse every batch that any of these is in."""
    for place in places:
        permits[place] = replace(permits[place], zones=NINE_ZONES)


async def send_all(
    adapter: Flowbird, permits: Sequence[SharedPermit], deadline: float = DEADLINE_SECONDS
) -> Sequence[ProviderError | None]:
    """Send as the engine does: within a deadline."""
    async with asyncio.timeout(deadline):
        return await adapter.send_all([put(permit) for permit in permits])


@pytest.mark.parametrize("place", [0, 250, 499])
def test_one_poisonous_row_refuses_only_itself(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit, place: int
) -> None:
    together = many(permit, LIMIT)
    poison(together, place)

    answers = run(send_all(adapter, together))

    assert {number: ended(error) for number, error in enumerate(answers) if error is not None} == {place: REFUSED}
    assert sandbox.control.held(NAME) == records(*together[:place], *together[place + 1 :])
    assert len(batches(sandbox)) <= 2 * ceil(log2(LIMIT)) + 1


def test_several_poisonous_rows_refuse_only_themselves(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    together = many(permit, 60)
    poison(together, 3, 4, 31, 59)

    answers = run(send_all(adapter, together))

    assert {number for number, error in enumerate(answers) if error is not None} == {3, 4, 31, 59}
    assert sandbox.control.counts(NAME).held == 56


def test_a_poisonous_row_alone_is_refused_with_one_request(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    with pytest.raises(RejectedError) as caught:
        run(adapter.send(put(replace(permit, zones=NINE_ZONES))))

    assert ended(caught.value) == REFUSED
    assert len(batches(sandbox)) == 1


def test_removals_go_out_beside_poisonous_rows(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    before = many(permit, 3)
    run(send_all(adapter, before))
    bad = replace(permit, zones=NINE_ZONES)

    changes = [put(bad), *(remove(permit.reference) for permit in before)]
    answers = run(adapter.send_all(changes))

    assert [ended(error) for error in answers] == [REFUSED, None, None, None]
    assert sandbox.control.held(NAME) == {}


@pytest.mark.parametrize(("count", "statuses"), [(1, [200]), (LIMIT, [200]), (LIMIT + 1, [413, 200, 200])])
def test_a_batch_that_is_too_large_is_split(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit, count: int, statuses: list[int]
) -> None:
    together = many(permit, count)

    assert run(send_all(adapter, together)) == [None] * count

    assert sandbox.control.held(NAME) == records(*together)
    assert [request.status for request in batches(sandbox)] == statuses


def test_what_is_known_is_kept_when_a_later_part_is_not_let_in(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    together = many(permit, 8)
    poison(together, 5)
    sandbox.control.misbehave(NAME, Kind.THROTTLED, rate=EVERY_FOURTH, count=1, path=BATCH, retry_after="7")

    answers = run(send_all(adapter, together))

    # Eight are refused, the first four are done, the others are refused; then two are throttled, and two are left.
    throttled = (NotSentError, FailureCode.THROTTLED, 429)
    assert [ended(error) for error in answers] == [None] * 4 + [throttled] * 4
    assert [error.retry_after for error in answers if error is not None] == [7.0] * 4
    assert len(batches(sandbox)) == 4


def test_what_comes_after_a_part_that_is_unclear_is_known_not_to_be_sent(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    together = many(permit, 8)
    poison(together, 1, 7)
    sandbox.control.misbehave(NAME, Kind.ERROR_AFTER, rate=EVERY_FOURTH, count=1, path=BATCH)

    answers = run(send_all(adapter, together))

    # Eight and four are refused, two are refused; then the first alone is answered by an error.
    assert [ended(error) for error in answers] == [
        (UnclearError, FailureCode.SERVER_ERROR, 500),
        *[(NotSentError, FailureCode.SERVER_ERROR, 500)] * 7,
    ]
    assert sandbox.control.held(NAME) == records(together[0])


def test_a_refusal_that_comes_late_leaves_the_rest_unsent(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    together = many(permit, 4)
    poison(together, 3)
    sandbox.control.misbehave(NAME, Kind.SLOW, path=BATCH, delay_ms=2_100)

    answers = run(send_all(adapter, together, LONG_SECONDS))

    assert [ended(error) for error in answers] == [(NotSentError, FailureCode.TIMED_OUT, None)] * 4
    assert len(batches(sandbox)) == 1


def test_a_whole_batch_has_all_of_the_deadline(
    adapter: Flowbird, sandbox: Sandbox, run: Run, permit: SharedPermit
) -> None:
    together = many(permit, 4)
    sandbox.control.misbehave(NAME, Kind.SLOW, path=BATCH, delay_ms=2_100)

    assert run(send_all(adapter, together, LONG_SECONDS)) == [None] * 4


@given(count=st.integers(1, 70), data=st.data())
def test_whichever_rows_are_poisonous_each_row_has_its_own_end(count: int, data: st.DataObject) -> None:
    poisonous = data.draw(st.sets(st.integers(0, count - 1)))
    references = [UUID(int=number) for number in range(count)]
    sent: list[UUID] = []

    async def send(part: Sequence[UUID]) -> list[None]:
        if any(reference.int in poisonous for reference in part):
            raise RejectedError(NAME, FailureCode.REQUEST_REFUSED, status=422)
        sent.extend(part)
        return [None] * len(part)

    answers = asyncio.run(send_in_parts(NAME, references, send))

    assert [error is not None for error in answers] == [number in poisonous for number in range(count)]
    assert sent == [reference for reference in references if reference.int not in poisonous]
