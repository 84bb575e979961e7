"""A failed request of a drain: unclear ones are settled, refused ones parked, and all others continue."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from integrations.base import Change, Operation
from integrations.errors import FailureCode, NotSentError, RejectedError, UnclearError
from integrations.memory import Applied, Fault, InMemory
from schemas.shared import SharedField
from schemas.space import HeldState
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, lane_of
from tests.services.upstream import ANNE, EVERYONE, Upstream
from tests.support.waiting import eventually
from worker.hub import Hub
from worker.services.sharing.drain import Drain

PROVIDER = "easypark"
ReadShare = Callable[[UUID], dict[str, Any]]
UNREACHABLE = Fault(NotSentError(PROVIDER, FailureCode.NOT_CONNECTED))
THROTTLED = Fault(NotSentError(PROVIDER, FailureCode.THROTTLED, status=429, retry_after=120))
REJECTED = Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED, status=422))
LOST = Fault(UnclearError(PROVIDER, FailureCode.CONNECTION_LOST), Applied.BEFORE)
HANGS = Fault(None)
HANGS_AND_IS_APPLIED_LATER = Fault(None, Applied.LATER)


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[PROVIDER]


@pytest.fixture
def share(evidence: Evidence) -> ReadShare:
    def share(permit_id: UUID) -> dict[str, Any]:
        return evidence.shares(permit_id)[PROVIDER]

    return share


def test_a_request_ends_at_its_deadline_and_is_unclear(
    upstream: Upstream, deliver: Deliver, twin: InMemory, share: ReadShare, evidence: Evidence
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(HANGS)
    before = evidence.value("SELECT clock_timestamp()")
    deliver(PROVIDER)
    row = share(permit_id)
    assert evidence.value("SELECT clock_timestamp()") - before < timedelta(seconds=3)
    assert (row["confirmed_version"], row["failures"], row["lease_id"], row["holds"]) == (0, 1, None, None)
    assert row["unsettled_until"] is not None
    assert evidence.query("SELECT outcome, code FROM disclosure_outcomes") == [("unclear", "timed_out")]


def test_after_an_unclear_request_the_next_confirmation_is_provisional(
    upstream: Upstream, deliver: Deliver, twin: InMemory, share: ReadShare, evidence: Evidence
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(LOST)
    deliver(PROVIDER)
    _due_now(evidence)
    _settle_in(evidence, "1 hour")
    deliver(PROVIDER)
    row = share(permit_id)
    assert (row["confirmed_hash"], row["holds"]) == (None, None)
    assert row["due_at"] == row["unsettled_until"]
    assert len(twin.calls) == 2
    _settle_in(evidence, "0 s")
    _due_now(evidence)
    deliver(PROVIDER)
    row = share(permit_id)
    assert (row["unsettled_until"], row["holds"]) == (None, True)
    assert row["confirmed_hash"] is not None
    assert (len(twin.calls), evidence.pending()) == (3, len(EVERYONE) - 1)


def _set_strays(evidence: Evidence, seconds: int) -> None:
    """Let the strays of all shares arrive for so long from now on, and make these shares due."""
    with evidence.database.connect() as connection:
        connection.execute(
            "UPDATE shares SET due_at = now(), stray_put_until = now() + %s, unsettled_until = now() + %s"
            " WHERE stray_put_until IS NOT NULL",
            [timedelta(seconds=seconds)] * 2,
        )


def test_a_put_applied_after_its_withdrawal_is_removed_again(
    upstream: Upstream, deliver: Deliver, twin: InMemory, evidence: Evidence
) -> None:
    upstream.active()
    upstream.allow()
    twin.fail(HANGS_AND_IS_APPLIED_LATER)
    deliver(PROVIDER)
    _set_strays(evidence, 60)  # T is 0.3 s here
    upstream.refuse()
    deliver(PROVIDER)
    twin.apply_late()
    assert twin.held
    _set_strays(evidence, 0)
    eventually(lambda: deliver() or not evidence.pending())
    assert not twin.held


def test_a_rejected_put_is_parked_and_held_data_removed_until_the_truth_changes(
    upstream: Upstream, deliver: Deliver, twin: InMemory, share: ReadShare, evidence: Evidence
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "EF-367-QS"})
    twin.fail(REJECTED)
    deliver(PROVIDER)
    row = share(permit_id)
    assert (row["parked"], row["holds"], twin.held) == ("plate_refused", False, {})
    assert row["failing_since"] == row["failed_at"] is not None
    assert evidence.screen(ANNE).consent.providers[EVERYONE.index(PROVIDER)].state is HeldState.REFUSED
    _due_now(evidence)
    deliver(PROVIDER)
    assert len(twin.calls) == 3
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "ZZ-999-ZZ"})
    deliver(PROVIDER)
    assert (share(permit_id)["parked"], share(permit_id)["failed_at"]) == (None, None)
    assert [held[SharedField.PLATE] for held in twin.held.values()] == ["ZZ999ZZ"]


def test_a_rejected_removal_is_retried(
    upstream: Upstream, deliver: Deliver, twin: InMemory, share: ReadShare, evidence: Evidence
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.refuse()
    for failures in (1, 2, 3):
        twin.fail(REJECTED)
        _due_now(evidence)
        deliver(PROVIDER)
        assert (share(permit_id)["parked"], share(permit_id)["failures"]) == (None, failures)
    _due_now(evidence)
    deliver(PROVIDER)
    assert not twin.held


def test_a_provider_is_held_for_as_long_as_it_asks(
    upstream: Upstream, deliver: Deliver, twin: InMemory, share: ReadShare, evidence: Evidence
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    for fault, least, most in (
        (UNREACHABLE, 0.5, 1),
        (THROTTLED, 120, 121),
        (Fault(NotSentError(PROVIDER, FailureCode.UNAVAILABLE, retry_after=3_600)), 3_600, 3_601),
    ):
        twin.fail(fault)
        _due_now(evidence)
        _open_again(evidence)
        before = evidence.value("SELECT clock_timestamp()")
        deliver(PROVIDER)
        wait = (datetime.fromisoformat(share(permit_id)["due_at"]) - before).total_seconds()
        assert least <= wait <= most + 2
    assert len(twin.calls) == 3
    _due_now(evidence)
    deliver(PROVIDER)
    assert len(twin.calls) == 3
    _open_again(evidence)
    deliver(PROVIDER)
    assert (len(twin.held), share(permit_id)["failures"]) == (1, 0)


def test_a_withdrawal_does_not_wait_for_the_retry_of_a_failed_put(
    upstream: Upstream, deliver: Deliver, twin: InMemory, share: ReadShare
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    twin.fail(Fault(UnclearError(PROVIDER, FailureCode.SERVER_ERROR, retry_after=3600), Applied.BEFORE))
    deliver(PROVIDER)
    assert twin.held
    upstream.refuse()
    deliver(PROVIDER)
    assert not twin.held
    row = share(permit_id)
    assert (row["holds"], row["confirmed_version"]) == (None, row["claimed_version"])  # provisional


def test_an_adapters_bug_fails_only_its_share(upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence) -> None:
    class Buggy(InMemory):
        async def send(self, change: Change) -> Operation | None:
            if change.permit and change.permit.plate == "EF367QS":
                raise KeyError(change.permit.plate)
            return await super().send(change)

    upstream.active(plate={"raw": "EF-367-QS"})
    upstream.active()
    upstream.allow()
    twin = Buggy(PROVIDER, hub.capabilities[PROVIDER])
    asyncio.run(Drain(lane_of(quick, twin), hub.today).run())
    assert len(twin.held) == 1
    assert evidence.query("SELECT outcome, code FROM disclosure_outcomes ORDER BY outcome") == [
        ("confirmed", None),
        ("unclear", "adapter_failed"),
    ]


def _due_now(evidence: Evidence) -> None:
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET due_at = now()")


def _open_again(evidence: Evidence) -> None:
    with evidence.database.connect() as connection:
        connection.execute("UPDATE providers SET held_until = NULL")


def _settle_in(evidence: Evidence, time: str) -> None:
    with evidence.database.connect() as connection:
        connection.execute(f"UPDATE shares SET unsettled_until = now() + interval '{time}'")
