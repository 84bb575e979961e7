"""Fields that the exploration leaves out of a row, checked for every row that it found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.sharing.exploration import Exploration
from tests.sharing.rows import HASHES, HELD, NOW, TAKEN
from worker.domain.sharing import RequestOutcome, Result, Share, Timing, Urgency, claim, invalidate, record, want

TIMING = Timing(lease=timedelta(hours=1), settle=timedelta(hours=2))
THEIRS = 70


@pytest.fixture
def due(waiting: Exploration) -> list[Share]:
    """Return every row that may be claimed."""
    return [row.share for row in waiting.rows.rows if row.due]


@pytest.fixture
def held(waiting: Exploration) -> list[Share]:
    """Return every row that a drain holds."""
    return [row.share for row in waiting.rows.rows if row.leased]


def claims(share: Share) -> list[Share]:
    return [claim(share, wanted, TAKEN, NOW, TIMING) for wanted in HASHES]


def test_every_request_has_a_later_version_than_the_one_before(due: list[Share]) -> None:
    for share in due:
        for claimed in claims(share):
            sends = claimed.lease_id == TAKEN and claimed.operation is None
            assert claimed.requests == share.requests + sends


@pytest.mark.parametrize("outcome", RequestOutcome)
def test_no_record_lowers_a_version(held: list[Share], outcome: RequestOutcome) -> None:
    for share in held:
        for lease_id in (HELD, TAKEN):
            assert record(share, lease_id, Result(outcome), NOW, TIMING).requests == share.requests


def test_a_request_after_a_stale_one_has_a_later_version_than_the_provider(held: list[Share]) -> None:
    stale = Result(RequestOutcome.NOT_SENT, version=THEIRS)
    for share in held:
        if share.operation is None:
            assert record(share, HELD, stale, NOW, TIMING).requests == THEIRS
            ahead = replace(share, requests=THEIRS + 1)
            assert record(ahead, HELD, stale, NOW, TIMING).requests == THEIRS + 1


def test_asking_about_an_operation_changes_only_the_lease(due: list[Share]) -> None:
    waiting = [share for share in due if share.operation is not None]
    assert waiting
    for share in waiting:
        for asking in claims(share):
            assert replace(asking, lease_id=share.lease_id, lease_until=share.lease_until) == share


def test_a_request_keeps_its_disclosure_id_until_it_ends(due: list[Share], held: list[Share]) -> None:
    for share in due:
        for claimed in claims(share):
            if claimed.operation is None and claimed.lease_id == TAKEN:
                assert claimed.claimed_by == TAKEN
    for share in held:
        for outcome in RequestOutcome:
            after = record(share, HELD, Result(outcome, operation="an operation"), NOW, TIMING)
            assert (after.claimed_by is None) == (after.operation is None)


@pytest.mark.parametrize("first", Urgency)
@pytest.mark.parametrize("second", Urgency)
def test_a_waiting_share_keeps_its_higher_urgency(first: Urgency, second: Urgency) -> None:
    waiting = want(Share(due_at=NOW), first, NOW)
    assert want(waiting, second, NOW).urgency == min(first, second)
    assert invalidate(waiting, NOW, TIMING).urgency is first


@pytest.mark.parametrize("first", Urgency)
@pytest.mark.parametrize("second", Urgency)
def test_a_confirmed_share_takes_the_urgency_of_its_next_change(first: Urgency, second: Urgency) -> None:
    waiting = want(Share(due_at=NOW), first, NOW)
    done = replace(waiting, confirmed_version=waiting.wanted_version)
    assert want(done, second, NOW).urgency is second
    assert invalidate(done, NOW, TIMING).urgency is Urgency.ROUTINE
