"""The two transactions around a request to a provider: the claim before it, and the record after it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

import pytest

from integrations.base import Capabilities, LegalBasis
from integrations.memory import InMemory
from schemas.shared import SharedField
from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, ELSEWHERE, EVERYONE, Upstream
from tests.support.waiting import eventually
from worker.domain.sharing import RequestOutcome, Result, Urgency
from worker.hub import Hub
from worker.services.sharing.claim import ClaimedShare, claim
from worker.services.sharing.record import record

CONFIRMED = Result(RequestOutcome.CONFIRMED)
UNCLEAR = Result(RequestOutcome.UNCLEAR, timedelta(seconds=1), "timed_out")
NOT_SENT = Result(RequestOutcome.NOT_SENT, timedelta(seconds=1), "not_connected")
PROVIDER = "easypark"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
DECIDED = """
    INSERT INTO consent_decisions
        (resident_id, version, choice, providers, text_version, text_sha256, source, job_id, decided_at)
    VALUES (%s, %s, %s, %s, '', '', 'test', gen_random_uuid(), now())
"""


class Take(Protocol):
    def __call__(
        self, limit: int = ..., least_urgent: Urgency = ..., provider: str = ..., on: date = ...
    ) -> list[ClaimedShare]: ...


@pytest.fixture
def take(hub: Hub, today: date) -> Take:
    def take(
        limit: int = 10, least_urgent: Urgency = Urgency.ROUTINE, provider: str = PROVIDER, on: date = today
    ) -> list[ClaimedShare]:
        return claim(lane_of(hub, InMemory(provider, hub.capabilities[provider])), limit, least_urgent, on)[0]

    return take


class End(Protocol):
    def __call__(self, claimed: ClaimedShare, result: Result = ...) -> set[str]: ...


@pytest.fixture
def end(hub: Hub, today: date) -> End:
    def end(claimed: ClaimedShare, result: Result = CONFIRMED) -> set[str]:
        return record(hub, {PROVIDER: lane_of(hub, InMemory(PROVIDER))}, [(claimed, result)], today).due_again

    return end


@pytest.fixture
def permit_id(upstream: Upstream) -> UUID:
    permit_id = upstream.active(plate={"raw": "EF-367-QS"})
    upstream.allow()
    return permit_id


@pytest.mark.parametrize(("last", "held"), [("refuse", False), ("allow", True)])
def test_a_decision_between_a_claims_lock_and_its_read_counts(
    upstream: Upstream, permit_id: UUID, database: Database, take: Take, last: str, held: bool
) -> None:
    if last == "allow":
        upstream.refuse()
    with database.connect() as other, ThreadPoolExecutor(1) as pool, database.connect() as looking:
        with other.transaction():
            other.execute("LOCK TABLE plate_assignments IN ACCESS EXCLUSIVE MODE")  # a claim reads it after its locks
            claiming = pool.submit(take)
            eventually(lambda: looking.execute(WAITING).fetchone(), equals=(1,))
            unlocked = "SELECT FROM shares WHERE provider = %s FOR UPDATE SKIP LOCKED"
            assert looking.execute(unlocked, [PROVIDER]).fetchall() == []
            looking.execute(DECIDED, [ANNE, 9, last, [PROVIDER]])
        claimed = claiming.result(10)
    assert [one.change.permit is not None for one in claimed] == ([True] if held else [])


def test_every_provider_has_its_own_reference_for_a_permit(permit_id: UUID, take: Take) -> None:
    claims = [take(provider=name)[0] for name in EVERYONE]
    references = {claimed.change.permit.reference for claimed in claims if claimed.change.permit}
    assert references == {claimed.change.reference for claimed in claims}
    assert len(references - {permit_id}) == len(EVERYONE)


@pytest.mark.parametrize("needed", [set(SharedField), {SharedField.PLATE}, {SharedField.ZONES, SharedField.VALIDITY}])
def test_a_claim_sends_only_the_fields_that_the_provider_needs(
    hub: Hub, permit_id: UUID, today: date, needed: set[SharedField]
) -> None:
    needs = Capabilities(fields=frozenset(needed), legal_basis=LegalBasis.CONSENT)
    asking = replace(hub, capabilities={**hub.capabilities, PROVIDER: needs})
    shared = claim(lane_of(asking, InMemory(PROVIDER)), 1, Urgency.ROUTINE, today)[0][0].change.permit
    assert {field for field in SharedField if getattr(shared, field) is not None} == needed
    shown = repr([getattr(shared, field) for field in SharedField])
    for value in (ANNE, str(permit_id), "Exemple", "75114_1834_00010"):
        assert value not in shown


def test_a_disclosure_is_logged_with_its_consent_before_sending(
    permit_id: UUID, evidence: Evidence, take: Take, end: End
) -> None:
    (claimed,) = take()
    assert evidence.query(
        "SELECT disclosure_id, permit_id, provider, octet_length(fields_hash), consent_version FROM disclosures"
    ) == [(claimed.lease_id, permit_id, PROVIDER, 32, 1)]
    assert evidence.query("SELECT FROM disclosure_outcomes") == []
    end(claimed)
    assert evidence.query("SELECT disclosure_id, outcome, code FROM disclosure_outcomes") == [
        (claimed.lease_id, "confirmed", None)
    ]


def test_each_attempt_is_logged_with_its_outcome(permit_id: UUID, evidence: Evidence, take: Take, end: End) -> None:
    for result in (NOT_SENT, UNCLEAR, CONFIRMED):
        (claimed,) = take()
        end(claimed, result)
        _let_pass(evidence, "1 day")
    assert evidence.query("SELECT outcome, code FROM disclosure_outcomes ORDER BY recorded_at") == [
        ("not_sent", "not_connected"),
        ("unclear", "timed_out"),
        ("confirmed", None),
    ]


def test_a_leased_share_is_not_claimed_again(permit_id: UUID, take: Take) -> None:
    assert len(take()) == 1
    assert take() == []


def test_concurrent_claims_take_distinct_shares(upstream: Upstream, take: Take) -> None:
    for _ in range(12):
        upstream.active()
    upstream.allow()
    with ThreadPoolExecutor(3) as pool:
        claims = [done.result(10) for done in [pool.submit(take, 4) for _ in range(3)]]
    claimed = [one.key for some in claims for one in some]
    assert len(claimed) == len(set(claimed)) > 0


def test_a_share_the_provider_already_holds_is_not_sent(
    upstream: Upstream, evidence: Evidence, take: Take, end: End
) -> None:
    permit_id = upstream.active(plate={"raw": "B-NO 1234", "country": "DE"})
    upstream.allow()
    end(take()[0])
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "B NO 1234", "country": "DE"})
    assert evidence.shares(permit_id)[PROVIDER]["wanted_version"] == 2
    assert take() == []
    share = evidence.shares(permit_id)[PROVIDER]
    assert (share["confirmed_version"], share["holds"]) == (2, True)
    assert evidence.value("SELECT count(*) FROM disclosures") == 1


def test_a_share_never_disclosed_needs_no_removal(
    upstream: Upstream, permit_id: UUID, evidence: Evidence, take: Take
) -> None:
    upstream.refuse()
    assert take() == []
    assert evidence.value("SELECT count(*) FROM disclosures") == 0
    assert evidence.shares(permit_id)[PROVIDER]["confirmed_version"] == 2


@pytest.mark.parametrize("result", [UNCLEAR, NOT_SENT, None], ids=["unclear", "not sent", "no record"])
def test_a_disclosed_share_is_removed_whatever_the_outcome_was(
    upstream: Upstream, permit_id: UUID, evidence: Evidence, take: Take, end: End, result: Result | None
) -> None:
    (claimed,) = take()
    if result:
        end(claimed, result)
    upstream.refuse()
    _let_pass(evidence, "1 day")
    (removal,) = take()
    assert removal.change.permit is None
    assert removal.change.reference == claimed.change.reference


def test_a_confirmed_removal_is_not_sent_again(upstream: Upstream, permit_id: UUID, take: Take, end: End) -> None:
    end(take()[0])
    upstream.refuse()
    end(take()[0])
    upstream.refuse()
    assert take() == []


def test_a_claim_makes_the_confirmed_hash_unknown(
    upstream: Upstream, permit_id: UUID, evidence: Evidence, take: Take, end: End
) -> None:
    end(take()[0])
    assert evidence.shares(permit_id)[PROVIDER]["confirmed_hash"] is not None
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    take()
    share = evidence.shares(permit_id)[PROVIDER]
    assert (share["confirmed_hash"], share["holds"]) == (None, None)


def test_a_record_without_its_lease_makes_the_share_due_and_its_hash_unknown(
    permit_id: UUID, evidence: Evidence, take: Take, end: End
) -> None:
    (first,) = take()
    _let_pass(evidence, "1 minute")
    (second,) = take()
    end(second)
    end(first)
    share = evidence.shares(permit_id)[PROVIDER]
    assert (share["confirmed_hash"], share["holds"]) == (None, None)
    assert share["confirmed_version"] < share["wanted_version"]
    assert evidence.value("SELECT count(*) FROM disclosure_outcomes") == 3  # one of them: the lease had expired
    assert take()[0].change.permit is not None


def test_a_late_record_does_not_end_another_lease(permit_id: UUID, evidence: Evidence, take: Take, end: End) -> None:
    (first,) = take()
    _let_pass(evidence, "1 minute")
    (second,) = take()
    end(first)
    assert evidence.shares(permit_id)[PROVIDER]["lease_id"] == str(second.lease_id)
    assert take() == []


def test_a_share_changed_while_leased_is_due_at_once(upstream: Upstream, permit_id: UUID, take: Take, end: End) -> None:
    (put,) = take()
    upstream.refuse()
    assert take() == []
    assert end(put) == {PROVIDER}
    assert take()[0].change.permit is None


def test_an_erased_residents_shares_are_removals(upstream: Upstream, permit_id: UUID, take: Take, end: End) -> None:
    end(take()[0])
    upstream.applied("resident.erase")
    (removal,) = take()
    assert (removal.change.permit, removal.urgency) == (None, Urgency.CONSENT)


def test_an_expired_permit_is_removed_from_the_next_day(
    upstream: Upstream, permit_id: UUID, evidence: Evidence, take: Take, end: End, today: date
) -> None:
    end(take()[0])
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    assert take(on=today + timedelta(days=800))[0].change.permit is None


def test_a_claim_takes_only_shares_of_its_provider(permit_id: UUID, evidence: Evidence, take: Take) -> None:
    take()
    assert {name for name, share in evidence.shares(permit_id).items() if share["lease_id"]} == {PROVIDER}


def test_only_a_removal_confirms_that_nothing_is_held(
    upstream: Upstream, permit_id: UUID, evidence: Evidence, take: Take, end: End
) -> None:
    end(take()[0])
    upstream.refuse()
    end(take()[0])
    told = [event.data.shares[0] for event in evidence.told(ANNE) if event.data.shares]
    assert [(share.permit_id, share.provider, share.held) for share in told] == [
        (permit_id, PROVIDER, True),
        (permit_id, PROVIDER, False),
    ]


def _let_pass(evidence: Evidence, time: str) -> None:
    """Let every lease and every wait run out."""
    with evidence.database.connect() as connection:
        connection.execute(
            f"UPDATE shares SET due_at = due_at - interval '{time}', lease_until = lease_until - interval '{time}'"
        )
