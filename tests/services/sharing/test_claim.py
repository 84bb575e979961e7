"""The two transactions around a request to a provider: the claim before it, and the record after it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from integrations.base import Capabilities, LegalBasis
from integrations.memory import InMemory
from schemas.shared import SharedField
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, ELSEWHERE, EVERYONE
from tests.support.waiting import eventually
from worker.domain.sharing import RequestOutcome, Result, Urgency
from worker.services.sharing.claim import claim, record

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


@pytest.fixture
def take(hub, today):
    def take(limit=10, least_urgent=Urgency.ROUTINE, provider=PROVIDER, on=today):
        return claim(lane_of(hub, InMemory(provider, hub.capabilities[provider])), limit, least_urgent, on)[0]

    return take


@pytest.fixture
def end(hub, today):
    def end(claimed, result=CONFIRMED):
        return record(hub, {PROVIDER: lane_of(hub, InMemory(PROVIDER))}, [(claimed, result)], today)

    return end


@pytest.fixture
def permit_id(upstream):
    permit_id = upstream.active(plate={"raw": "EF-367-QS"})
    upstream.allow()
    return permit_id


@pytest.mark.parametrize(("last", "held"), [("refuse", False), ("allow", True)])
def test_a_decision_between_a_claims_lock_and_its_read_counts(upstream, permit_id, database, take, last, held):
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


def test_every_provider_has_its_own_reference_for_a_permit(permit_id, take):
    claims = [take(provider=name)[0] for name in EVERYONE]
    references = {claimed.change.permit.reference for claimed in claims}
    assert references == {claimed.change.reference for claimed in claims}
    assert len(references - {permit_id}) == len(EVERYONE)


@pytest.mark.parametrize("needed", [set(SharedField), {SharedField.PLATE}, {SharedField.ZONES, SharedField.VALIDITY}])
def test_a_claim_sends_only_the_fields_that_the_provider_needs(hub, permit_id, today, needed):
    needs = Capabilities(fields=frozenset(needed), legal_basis=LegalBasis.CONSENT)
    asking = replace(hub, capabilities=hub.capabilities | {PROVIDER: needs})
    shared = claim(lane_of(asking, InMemory(PROVIDER)), 1, Urgency.ROUTINE, today)[0][0].change.permit
    assert {field for field in SharedField if getattr(shared, field) is not None} == needed
    shown = repr([getattr(shared, field) for field in SharedField])
    for value in (ANNE, str(permit_id), "Exemple", "75114_1834_00010"):
        assert value not in shown


def test_a_disclosure_is_logged_with_its_consent_before_sending(permit_id, evidence, take, end):
    (claimed,) = take()
    assert evidence.query(
        "SELECT disclosure_id, permit_id, provider, octet_length(fields_hash), consent_version FROM disclosures"
    ) == [(claimed.lease_id, permit_id, PROVIDER, 32, 1)]
    assert evidence.query("SELECT FROM disclosure_outcomes") == []
    end(claimed)
    assert evidence.query("SELECT disclosure_id, outcome, code FROM disclosure_outcomes") == [
        (claimed.lease_id, "confirmed", None)
    ]


def test_each_attempt_is_logged_with_its_outcome(permit_id, evidence, take, end):
    for result in (NOT_SENT, UNCLEAR, CONFIRMED):
        (claimed,) = take()
        end(claimed, result)
        _let_pass(evidence, "1 day")
    assert evidence.query("SELECT outcome, code FROM disclosure_outcomes ORDER BY recorded_at") == [
        ("not_sent", "not_connected"),
        ("unclear", "timed_out"),
        ("confirmed", None),
    ]


def test_a_leased_share_is_not_claimed_again(permit_id, take):
    assert len(take()) == 1
    assert take() == []


def test_concurrent_claims_take_distinct_shares(upstream, take):
    for _ in range(12):
        upstream.active()
    upstream.allow()
    with ThreadPoolExecutor(3) as pool:
        claims = [done.result(10) for done in [pool.submit(take, 4) for _ in range(3)]]
    claimed = [one.key for some in claims for one in some]
    assert len(claimed) == len(set(claimed)) > 0


def test_a_share_the_provider_already_holds_is_not_sent(upstream, evidence, take, end):
    permit_id = upstream.active(plate={"raw": "B-NO 1234", "country": "DE"})
    upstream.allow()
    end(take()[0])
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "B NO 1234", "country": "DE"})
    assert evidence.shares(permit_id)[PROVIDER]["wanted_version"] == 2
    assert take() == []
    share = evidence.shares(permit_id)[PROVIDER]
    assert (share["confirmed_version"], share["holds"]) == (2, True)
    assert evidence.value("SELECT count(*) FROM disclosures") == 1


def test_a_share_never_disclosed_needs_no_removal(upstream, permit_id, evidence, take):
    upstream.refuse()
    assert take() == []
    assert evidence.value("SELECT count(*) FROM disclosures") == 0
    assert evidence.shares(permit_id)[PROVIDER]["confirmed_version"] == 2


@pytest.mark.parametrize("result", [UNCLEAR, NOT_SENT, None], ids=["unclear", "not sent", "no record"])
def test_a_disclosed_share_is_removed_whatever_the_outcome_was(upstream, permit_id, evidence, take, end, result):
    (claimed,) = take()
    if result:
        end(claimed, result)
    upstream.refuse()
    _let_pass(evidence, "1 day")
    (removal,) = take()
    assert removal.change.permit is None
    assert removal.change.reference == claimed.change.reference


def test_a_confirmed_removal_is_not_sent_again(upstream, permit_id, take, end):
    end(take()[0])
    upstream.refuse()
    end(take()[0])
    upstream.refuse()
    assert take() == []


def test_a_claim_makes_the_confirmed_hash_unknown(upstream, permit_id, evidence, take, end):
    end(take()[0])
    assert evidence.shares(permit_id)[PROVIDER]["confirmed_hash"] is not None
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    take()
    share = evidence.shares(permit_id)[PROVIDER]
    assert (share["confirmed_hash"], share["holds"]) == (None, None)


def test_a_record_without_its_lease_makes_the_share_due_and_its_hash_unknown(permit_id, evidence, take, end):
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


def test_a_late_record_does_not_end_another_lease(permit_id, evidence, take, end):
    (first,) = take()
    _let_pass(evidence, "1 minute")
    (second,) = take()
    end(first)
    assert evidence.shares(permit_id)[PROVIDER]["lease_id"] == str(second.lease_id)
    assert take() == []


def test_a_share_changed_while_leased_is_due_at_once(upstream, permit_id, take, end):
    (put,) = take()
    upstream.refuse()
    assert take() == []
    assert end(put) == {PROVIDER}
    assert take()[0].change.permit is None


def test_an_erased_residents_shares_are_removals(upstream, permit_id, take, end):
    end(take()[0])
    upstream.applied("resident.erase")
    (removal,) = take()
    assert (removal.change.permit, removal.urgency) == (None, Urgency.CONSENT)


def test_an_expired_permit_is_removed_from_the_next_day(upstream, permit_id, evidence, take, end, today):
    end(take()[0])
    upstream.applied("permit.change_address", permit_id=permit_id, address=ELSEWHERE, zones=["18C"])
    assert take(on=today + timedelta(days=800))[0].change.permit is None


def test_a_claim_takes_only_shares_of_its_provider(permit_id, evidence, take):
    take()
    assert {name for name, share in evidence.shares(permit_id).items() if share["lease_id"]} == {PROVIDER}


def test_only_a_removal_confirms_that_nothing_is_held(upstream, permit_id, evidence, take, end):
    end(take()[0])
    upstream.refuse()
    end(take()[0])
    told = [event.data.shares[0] for event in evidence.told(ANNE) if event.data.shares]
    assert [(share.permit_id, share.provider, share.held) for share in told] == [
        (permit_id, PROVIDER, True),
        (permit_id, PROVIDER, False),
    ]


def _let_pass(evidence, time):
    """Let every lease and every wait run out."""
    with evidence.database.connect() as connection:
        connection.execute(
            f"UPDATE shares SET due_at = due_at - interval '{time}', lease_until = lease_until - interval '{time}'"
        )
