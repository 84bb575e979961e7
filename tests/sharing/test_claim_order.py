"""The order of claims is in the database: a consent decision is claimed before any backlog."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from integrations.memory import InMemory
from tests.services.hubs import lane_of
from tests.sharing.mutants import urgency_ignored
from tests.sharing.rules import REAL
from tests.sharing.stage import PROVIDER, Stage
from worker.domain.sharing import Share, Urgency
from worker.hub import Hub

BACKLOG = 50
WITHDRAWN = BACKLOG
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
UNKNOWN = Share(due_at=AN_HOUR_AGO, confirmed_hash=None, holds=None)  # to be removed, whatever was wanted

Want = Callable[[Share, Urgency, datetime], Share]


@pytest.fixture
def stage(hub: Hub) -> Stage:
    return Stage(lane_of(hub, InMemory(PROVIDER)), count=BACKLOG + 1)


def put_backlog_and_withdrawal(stage: Stage, want: Want) -> None:
    """Make old routine work wait, and a new withdrawal followed by a routine change of the same permit."""
    backlog = {number: want(UNKNOWN, Urgency.ROUTINE, AN_HOUR_AGO) for number in range(BACKLOG)}
    minutes_ago = [AN_HOUR_AGO + timedelta(minutes=passed) for passed in (50, 51)]
    withdrawn = want(want(UNKNOWN, Urgency.CONSENT, minutes_ago[0]), Urgency.ROUTINE, minutes_ago[1])
    stage.put({**backlog, WITHDRAWN: withdrawn})


def test_a_withdrawal_is_claimed_before_older_routine_shares(stage: Stage) -> None:
    put_backlog_and_withdrawal(stage, REAL.want)
    assert stage.claim_first(1, Urgency.ROUTINE) == [WITHDRAWN]


def test_slots_kept_for_consent_claim_no_other_shares(stage: Stage) -> None:
    put_backlog_and_withdrawal(stage, REAL.want)
    assert stage.claim_first(BACKLOG, Urgency.CONSENT) == [WITHDRAWN]


def test_a_claim_order_without_urgency_is_detected(stage: Stage) -> None:
    put_backlog_and_withdrawal(stage, urgency_ignored)
    assert WITHDRAWN not in stage.claim_first(BACKLOG, Urgency.ROUTINE)
    assert not stage.claim_first(1, Urgency.CONSENT)


def test_shares_of_equal_urgency_are_claimed_oldest_first(stage: Stage) -> None:
    stage.put(
        {
            number: REAL.want(UNKNOWN, Urgency.CHANGE, AN_HOUR_AGO + timedelta(minutes=minutes))
            for number, minutes in enumerate((30, 10, 20))
        }
    )
    assert [stage.claim_first(1, Urgency.ROUTINE) for _ in range(3)] == [[1], [2], [0]]
