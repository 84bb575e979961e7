"""Dead letters: found by provider, code and time; retried with today's truth; discarded once nothing is held."""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

import pytest

from integrations.errors import FailureCode, RejectedError, UnclearError
from integrations.memory import Fault, InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.upstream import Upstream
from worker.db.engine import transact
from worker.db.sharing import dead_letters
from worker.db.sharing.dead_letters import Choice
from worker.hub import Hub
from worker.services.sharing.dead_letters import discard, retry

PROVIDER, OTHER = "easypark", "indigo_neo"
ALL = Choice()


@pytest.fixture
def dead(upstream: Upstream, deliver: Deliver, twins: dict[str, InMemory]) -> UUID:
    """Have one permit refused by two providers, each with its own code; return its id."""
    permit_id = upstream.active()
    upstream.allow()
    twins[PROVIDER].fail(Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED)))
    twins[OTHER].fail(Fault(RejectedError(OTHER, FailureCode.ZONE_UNKNOWN)))
    deliver()
    return permit_id


class Find(Protocol):
    def __call__(self, choice: Choice = ...) -> list[str]: ...


@pytest.fixture
def find(hub: Hub) -> Find:
    def find(choice: Choice = ALL) -> list[str]:
        return [letter.provider for letter in transact(hub.engine, lambda db: dead_letters.find(db, choice, 10))]

    return find


def test_dead_letters_are_found_by_provider_code_permit_and_time(
    dead: UUID, find: Find, hub: Hub, evidence: Evidence
) -> None:
    now = evidence.value("SELECT clock_timestamp()")
    assert sorted(find()) == [PROVIDER, OTHER]
    assert find(Choice(provider=OTHER)) == [OTHER]
    assert find(Choice(code="plate_refused")) == [PROVIDER]
    assert sorted(find(Choice(permit_id=dead, since=now - timedelta(minutes=1), until=now))) == [PROVIDER, OTHER]
    assert find(Choice(since=now)) == find(Choice(until=now - timedelta(minutes=1))) == []
    groups = transact(hub.engine, lambda db: dead_letters.groups(db, Choice()))
    assert [(one.provider, one.code, one.count) for one in groups] == [
        (PROVIDER, "plate_refused", 1),
        (OTHER, "zone_unknown", 1),
    ]
    assert all(one.first_failure <= one.last_failure <= now for one in groups)


def test_a_retried_dead_letter_sends_todays_truth(
    dead: UUID, find: Find, hub: Hub, upstream: Upstream, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    upstream.refuse(providers=(PROVIDER,))
    assert find() == [OTHER]
    assert sum(retry(hub, Choice())) == 1
    deliver()
    assert find() == []
    assert (len(twins[PROVIDER].held), len(twins[OTHER].held)) == (0, 1)


def test_a_retry_refused_again_is_a_dead_letter_and_not_retried_for_ever(
    dead: UUID, find: Find, hub: Hub, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    twins[PROVIDER].fail(Fault(RejectedError(PROVIDER, FailureCode.PROFILE_UNKNOWN)))
    assert sum(retry(hub, Choice(provider=PROVIDER))) == 1
    deliver()
    assert find(Choice(code="profile_unknown")) == [PROVIDER]


def test_a_discarded_dead_letter_is_off_the_list_and_not_sent(
    dead: UUID, find: Find, hub: Hub, deliver: Deliver, twins: dict[str, InMemory]
) -> None:
    sent = len(twins[PROVIDER].calls)
    assert sum(discard(hub, Choice(provider=PROVIDER))) == 1
    deliver()
    assert (find(), len(twins[PROVIDER].calls)) == ([OTHER], sent)


def test_a_dead_letter_that_may_be_held_cannot_be_discarded(
    upstream: Upstream, hub: Hub, deliver: Deliver, twins: dict[str, InMemory], find: Find
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    deliver(PROVIDER)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "EF-367-QS"})
    twins[PROVIDER].fail(Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED)))
    twins[PROVIDER].fail(Fault(UnclearError(PROVIDER, FailureCode.SERVER_ERROR)))  # the removal
    deliver(PROVIDER)
    assert sum(discard(hub, Choice())) == 0
    assert find() == [PROVIDER]


def test_a_dead_letters_history_has_each_request_and_outcome(dead: UUID, hub: Hub) -> None:
    removal, put = transact(hub.engine, lambda db: dead_letters.history(db, dead, PROVIDER))
    assert (put.removal, put.outcome, put.code, put.consent_version) == (False, "rejected", "plate_refused", 1)
    assert (removal.removal, removal.outcome, removal.code) == (True, "confirmed", None)


def test_a_choice_until_a_future_time_retries_each_dead_letter_once(
    dead: UUID, hub: Hub, deliver: Deliver, twins: dict[str, InMemory], evidence: Evidence
) -> None:
    later = evidence.value("SELECT now() + interval '1 day'")
    for count in retry(hub, Choice(provider=PROVIDER, until=later)):
        assert count == 1
        assert len(twins[PROVIDER].calls) == 2  # the put that was refused, and the removal: this is the first round
        twins[PROVIDER].fail(Fault(RejectedError(PROVIDER, FailureCode.PLATE_REFUSED)))
        deliver(PROVIDER)
