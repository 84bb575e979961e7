"""Providers that acknowledge later, batch, or fence: the engine follows their declared capabilities."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

import pytest

from integrations.base import Change, Operation
from integrations.errors import FailureCode, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.memory import Applied, Fault, InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import Upstream
from worker.hub import Hub
from worker.services.sharing.drain import Drain

PROVIDER = "easypark"
ReadShare = Callable[[UUID], dict[str, Any]]
UNREACHABLE = Fault(NotSentError(PROVIDER, FailureCode.NOT_CONNECTED))
REFUSED = Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED))
GONE_QUIET = Fault(UnclearError(PROVIDER, FailureCode.CONNECTION_LOST), Applied.BEFORE)


Provided = tuple[InMemory, Callable[[], bool]]


class Provide(Protocol):
    def __call__(
        self,
        *,
        batch: int = ...,
        batch_of_first_puts: bool = ...,
        acknowledges_later: bool = ...,
        fences: bool = ...,
    ) -> Provided: ...


@pytest.fixture
def provider(quick: Hub) -> Provide:
    """Make a provider with these capabilities, and its lane."""

    def provider(
        *, batch: int = 1, batch_of_first_puts: bool = False, acknowledges_later: bool = False, fences: bool = False
    ) -> Provided:
        needs = replace(
            quick.capabilities[PROVIDER],
            batch=batch,
            batch_of_first_puts=batch_of_first_puts,
            lists=False,
            acknowledges_later=acknowledges_later,
            fences=fences,
        )
        # T ends when a test says so, even on a busy machine.
        settings = quick.settings.model_copy(update={"settle_seconds": 30.0})
        hub = replace(quick, settings=settings, capabilities={**quick.capabilities, PROVIDER: needs})
        twin = InMemory(PROVIDER, needs)
        lane = lane_of(hub, twin)
        return twin, lambda: asyncio.run(Drain(lane, hub.today).run())

    return provider


@pytest.fixture
def share(evidence: Evidence) -> ReadShare:
    return lambda permit_id: evidence.shares(permit_id)[PROVIDER]


@pytest.fixture
def later(provider: Provide) -> Provided:
    """Return a provider that has not carried out its accepted request."""
    twin, drain = provider(acknowledges_later=True)
    twin.carries_out = False
    return twin, drain


def test_an_operation_that_ends_soon_is_confirmed_under_its_requests_lease(
    upstream: Upstream, provider: Provide, share: ReadShare, evidence: Evidence
) -> None:
    twin, drain = provider(acknowledges_later=True)
    permit_id = upstream.active()
    upstream.allow()
    drain()
    assert (share(permit_id)["holds"], share(permit_id)["operation"]) == (True, None)
    assert evidence.query("SELECT outcome FROM disclosure_outcomes") == [("confirmed",)]
    assert len(twin.held) == 1


def test_a_longer_operation_is_asked_about_and_blocks_other_sends(
    upstream: Upstream, later: Provided, share: ReadShare, evidence: Evidence
) -> None:
    twin, drain = later
    permit_id = upstream.active()
    upstream.allow()
    drain()
    assert share(permit_id)["operation"] is not None
    assert (share(permit_id)["holds"], share(permit_id)["lease_id"]) == (None, None)
    upstream.refuse()
    drain()
    assert len(twin.calls) == 1
    twin.carries_out = True
    drain_until_confirmed(evidence, drain)
    assert [call.put is None for call in twin.calls] == [False, True]
    assert (twin.held, share(permit_id)["holds"]) == ({}, False)
    assert evidence.query("SELECT outcome FROM disclosure_outcomes ORDER BY recorded_at") == [
        ("accepted",),
        ("confirmed",),
        ("confirmed",),
    ]


def test_a_confirmation_by_question_is_published(upstream: Upstream, later: Provided, evidence: Evidence) -> None:
    twin, drain = later
    upstream.active()
    upstream.allow()
    drain()
    told = evidence.value("SELECT count(*) FROM events WHERE type = 'shares.confirmed'")
    twin.carries_out = True
    drain_until_confirmed(evidence, drain)
    assert (told, evidence.value("SELECT count(*) FROM events WHERE type = 'shares.confirmed'")) == (0, 1)


def test_an_unanswered_question_leaves_the_operation_open(
    upstream: Upstream, later: Provided, share: ReadShare, evidence: Evidence
) -> None:
    twin, drain = later
    permit_id = upstream.active()
    upstream.allow()
    drain()
    operation = share(permit_id)["operation"]
    twin.fail(UNREACHABLE)
    due_now(evidence)
    drain()
    assert share(permit_id)["operation"] == operation
    assert len(twin.calls) == 1
    assert evidence.query("SELECT outcome FROM disclosure_outcomes") == [("accepted",)]


def test_a_lost_operation_is_sent_again(
    upstream: Upstream, later: Provided, share: ReadShare, evidence: Evidence
) -> None:
    twin, drain = later
    permit_id = upstream.active()
    upstream.allow()
    drain()
    twin.operations.clear()
    twin.carries_out = True
    due_now(evidence)
    drain()
    assert (share(permit_id)["operation"], share(permit_id)["unsettled_until"] is None) == (None, False)
    drain_until_confirmed(evidence, drain)
    assert len(twin.calls) == 2
    assert share(permit_id)["holds"] is True


def test_an_operation_refused_later_is_a_dead_letter(
    upstream: Upstream, later: Provided, share: ReadShare, evidence: Evidence
) -> None:
    twin, drain = later
    permit_id = upstream.active()
    upstream.allow()
    drain()
    twin.fail(REFUSED)
    due_now(evidence)
    twin.carries_out = True
    drain_until_confirmed(evidence, drain)
    assert (share(permit_id)["parked"], share(permit_id)["holds"]) == ("plate_refused", False)


def test_an_operation_that_takes_longer_than_t_is_a_stray(
    upstream: Upstream, later: Provided, share: ReadShare, evidence: Evidence
) -> None:
    twin, drain = later
    permit_id = upstream.active()
    upstream.allow()
    drain()
    stuck = next(iter(twin.operations))
    upstream.refuse()
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET operation_until = now()")
    drain()
    assert [call.put is None for call in twin.calls] == [False, True]
    assert share(permit_id)["unsettled_until"] is not None
    twin.carries_out = True
    due_now(evidence)
    drain()
    assert not twin.held
    asyncio.run(twin.ask(stuck))  # it is carried out after all
    assert twin.held
    drain_until_confirmed(evidence, drain)
    assert not twin.held


@pytest.mark.parametrize("number", [1, 3, 4])
def test_changes_go_out_in_batches_up_to_the_providers_limit(
    upstream: Upstream, provider: Provide, evidence: Evidence, number: int
) -> None:
    batches = []

    class Counting(InMemory):
        async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
            batches.append(len(changes))
            return await super().send_all(changes)

        async def send(self, change: Change) -> Operation | None:
            batches.append(1)
            return await super().send(change)

    twin, drain = provider(batch=3)
    twin.__class__ = Counting
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(number)))
    drain()
    assert (sum(batches), max(batches)) == (number, min(number, 3))
    assert len(twin.held) == number
    assert evidence.value("SELECT count(*) FROM disclosure_outcomes WHERE outcome = 'confirmed'") == number


def test_if_only_first_puts_share_a_request_other_changes_go_alone(
    upstream: Upstream, provider: Provide, evidence: Evidence
) -> None:
    batches = []

    class Counting(InMemory):
        async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
            batches.append([change.version for change in changes])
            return await super().send_all(changes)

    twin, drain = provider(batch=3, batch_of_first_puts=True)
    twin.__class__ = Counting
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(3)))
    drain()
    upstream.refuse()
    drain()
    assert batches == [[1, 1, 1]]
    assert [call.version for call in twin.calls] == [1, 1, 1, 2, 2, 2]
    assert not twin.held


def test_each_row_of_a_batch_has_its_own_outcome(upstream: Upstream, provider: Provide, evidence: Evidence) -> None:
    class Choosy(InMemory):
        async def send_all(self, changes: Sequence[Change]) -> Sequence[ProviderError | None]:
            await super().send_all(changes[2:])
            return [
                RejectedError(PROVIDER, FailureCode.PLATE_REFUSED),
                UnclearError(PROVIDER, FailureCode.ROW_MISSING),
            ] + [None] * (len(changes) - 2)

    twin, drain = provider(batch=4)
    twin.__class__ = Choosy
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(4)))
    drain()
    ended = dict(evidence.query("SELECT outcome, count(*) FROM disclosure_outcomes GROUP BY 1"))
    assert ended == {"confirmed": 3, "rejected": 1, "unclear": 1}  # the refused one is removed, alone
    assert evidence.query("SELECT parked FROM shares WHERE parked IS NOT NULL") == [("plate_refused",)]
    assert len(twin.held) == 2


def test_a_batch_without_an_answer_is_unclear_in_every_row(
    upstream: Upstream, provider: Provide, evidence: Evidence
) -> None:
    twin, drain = provider(batch=5)
    twin.fail(GONE_QUIET)
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(3)))
    drain()
    assert evidence.query("SELECT outcome, code, count(*) FROM disclosure_outcomes GROUP BY 1, 2") == [
        ("unclear", "connection_lost", 3)
    ]
    drain_until_confirmed(evidence, drain)
    assert len(twin.held) == 3


def test_a_version_grows_with_every_request_so_that_a_late_one_is_fenced(
    upstream: Upstream, provider: Provide, evidence: Evidence
) -> None:
    twin, drain = provider(fences=True)
    upstream.active()
    upstream.allow()
    drain()
    upstream.refuse()
    drain()
    assert [call.version for call in twin.calls] == [1, 2]


def test_a_later_version_at_the_provider_is_continued_by_the_next_claim(
    upstream: Upstream, provider: Provide, evidence: Evidence, share: ReadShare
) -> None:
    twin, drain = provider(fences=True)
    permit_id = upstream.active()
    upstream.allow()
    twin._versions[UUID(share(permit_id)["reference"])] = 17  # the hub's database was restored from a backup
    drain()
    assert [call.version for call in twin.calls] == [18]
    assert len(twin.held) == 1


def due_now(evidence: Evidence) -> None:
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET due_at = now()")


def drain_until_confirmed(evidence: Evidence, drain: Callable[[], bool]) -> None:
    """Drain until nothing is pending, letting all waits run out."""
    pending = "SELECT count(*) FROM shares WHERE provider = %s AND confirmed_version < wanted_version"
    for _ in range(12):
        if not evidence.value(pending, PROVIDER):
            return
        with evidence.database.connect() as connection:
            connection.execute("UPDATE shares SET due_at = now()")
            connection.execute("UPDATE shares SET unsettled_until = now() WHERE unsettled_until IS NOT NULL")
            connection.execute("UPDATE shares SET stray_put_until = now() WHERE stray_put_until IS NOT NULL")
        drain()
    raise AssertionError("it did not come to rest")
