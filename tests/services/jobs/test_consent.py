"""The consent ledger: which decisions count, in which order, and their effect on shares and space."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.base import LegalBasis
from integrations.memory import InMemory
from schemas.receipts import Outcome, RefusalCode
from schemas.space import HeldState
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.upstream import ANNE, CITY, EVERYONE, Upstream, choice
from tests.support.texts import REFUSING, TEXT
from worker.live.wake_ups import URGENT
from worker.services.sharing.drain import Drain


def test_a_first_allowance_makes_every_active_permit_due_everywhere(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str]
) -> None:
    permits = [upstream.active(), upstream.active()]
    receipt = upstream.allow()
    assert receipt.version == 3
    for permit_id in permits:
        assert {name: share["urgency"] for name, share in evidence.shares(permit_id).items()} == dict.fromkeys(
            EVERYONE, 0
        )
    assert sorted(wake_ups) == [CITY, URGENT]
    consent = evidence.space(ANNE).consent
    assert consent.version == 1
    assert {(state.provider, state.allowed, state.state) for state in consent.providers} == {
        (name, True, HeldState.SENDING) for name in EVERYONE
    }


def test_the_ledger_proves_what_was_decided(upstream: Upstream, evidence: Evidence) -> None:
    receipt = upstream.allow(providers=("flowbird", "easypark"))
    (row,) = evidence.query(
        "SELECT resident_id, version, choice, providers, text_version, text_sha256, source, job_id,"
        " recorded_at BETWEEN now() - interval '1 minute' AND now() FROM consent_decisions"
    )
    assert row[:4] == (ANNE, 1, "allow", ["easypark", "flowbird"])
    assert row[4:] == (TEXT["version"], TEXT["sha256"], "personal-space", receipt.job_id, True)
    recorded_at = evidence.value("SELECT recorded_at FROM consent_decisions")
    assert evidence.space(ANNE).consent.updated_at == recorded_at


@pytest.mark.parametrize(
    "text",
    [
        {"version": TEXT["version"], "sha256": "a" * 64},
        {"version": "another", "sha256": TEXT["sha256"]},
        {"version": REFUSING.version, "sha256": REFUSING.sha256},
    ],
    ids=["unknown", "another version", "a text that refuses"],
)
def test_an_allowance_needs_a_known_text_and_a_refusal_none(
    upstream: Upstream, evidence: Evidence, text: dict[str, str]
) -> None:
    upstream.active()
    refused = upstream.submit("consent.decide", **choice("allow") | {"consent_version": 0, "text": text})
    assert (refused.code, refused.field) == (RefusalCode.UNKNOWN_TEXT, "text")
    assert not any(state.allowed for state in evidence.space(ANNE).consent.providers)
    upstream.allow()
    assert upstream.submit("consent.decide", **choice("refuse") | {"text": text}).outcome is Outcome.APPLIED


def test_a_decision_is_accepted_before_its_resident_is_known(upstream: Upstream, evidence: Evidence) -> None:
    assert upstream.allow().outcome is Outcome.APPLIED
    assert evidence.space(ANNE).consent.version == 1
    permit_id = upstream.active()
    assert set(evidence.shares(permit_id)) == set(EVERYONE)


def test_a_refusal_is_always_accepted(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.active()
    upstream.allow()
    for seen in (..., 0, 1, 99):
        extra: dict[str, Any] = {} if seen is ... else {"consent_version": seen}
        assert upstream.submit("consent.decide", **choice("refuse"), **extra).outcome is Outcome.APPLIED
    shares = evidence.shares(permit_id)
    assert {share["urgency"] for share in shares.values()} == {0}
    assert {share["wanted_version"] for share in shares.values()} == {5}
    assert not any(state.allowed for state in evidence.space(ANNE).consent.providers)


def test_a_late_allowance_does_not_undo_a_newer_refusal(upstream: Upstream, evidence: Evidence) -> None:
    late = upstream.envelope(resident_id=ANNE, **choice("allow"), consent_version=0)
    upstream.refuse()
    assert upstream.send("consent.decide", late).code is RefusalCode.CONSENT_STALE
    assert not any(state.allowed for state in evidence.space(ANNE).consent.providers)
    assert upstream.allow(seen=1).outcome is Outcome.APPLIED


def test_of_two_allowances_on_the_same_screen_the_second_is_stale(upstream: Upstream) -> None:
    assert upstream.allow(seen=0).outcome is Outcome.APPLIED
    assert upstream.allow(seen=0).code is RefusalCode.CONSENT_STALE


def test_a_refusal_with_an_unknown_provider_holds_for_the_others(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str]
) -> None:
    permit_id = upstream.active()
    upstream.allow()
    wake_ups.clear()
    upstream.hub.live.wake_ups.end(URGENT)
    assert upstream.refuse(providers=("easypark", "parkwell")).outcome is Outcome.APPLIED
    assert {name: share["wanted_version"] for name, share in evidence.shares(permit_id).items()} == dict.fromkeys(
        EVERYONE, 1
    ) | {"easypark": 2}
    assert wake_ups == [URGENT]


def test_a_provider_not_named_keeps_its_earlier_decision(upstream: Upstream, evidence: Evidence) -> None:
    upstream.allow(providers=("easypark", "flowbird"))
    upstream.refuse(providers=("flowbird",))
    upstream.allow(seen=2, providers=("paybyphone",))
    allowed = {state.provider: state.allowed for state in evidence.space(ANNE).consent.providers}
    assert allowed == dict.fromkeys(EVERYONE, False) | {"easypark": True, "paybyphone": True}


def test_a_provider_added_later_inherits_no_consent(upstream: Upstream, evidence: Evidence) -> None:
    hub = replace(upstream.hub, capabilities={**upstream.hub.capabilities, "parkwell": InMemory().capabilities})
    upstream.allow()
    permit_id = Upstream(hub, upstream.today).active()
    assert set(evidence.shares(permit_id)) == set(EVERYONE)


def test_consent_for_a_dropped_provider_can_be_withdrawn(upstream: Upstream, evidence: Evidence) -> None:
    permit_id = upstream.active()
    upstream.allow()
    fewer = {name: value for name, value in upstream.hub.capabilities.items() if name != "easypark"}
    Upstream(replace(upstream.hub, capabilities=fewer), upstream.today).refuse()
    assert evidence.shares(permit_id)["easypark"]["wanted_version"] == 2


def test_the_citys_own_share_ignores_consent_and_ends_with_the_permit(upstream: Upstream, evidence: Evidence) -> None:
    needs = replace(InMemory().capabilities, legal_basis=LegalBasis.PUBLIC_TASK)
    hub = replace(upstream.hub, capabilities={**upstream.hub.capabilities, "city": needs})
    city, counter = InMemory("city", needs), Upstream(hub, upstream.today)
    permit_id = counter.active()
    counter.refuse(providers=(*EVERYONE, "city"))
    asyncio.run(Drain(lane_of(hub, city), hub.today).run())
    assert len(city.held) == 1
    assert set(evidence.shares(permit_id)) == {"city"}
    counter.applied("resident.erase")
    asyncio.run(Drain(lane_of(hub, city), hub.today).run())
    assert not city.held


decisions = st.lists(
    st.tuples(
        st.sampled_from(("allow", "refuse")),
        st.sets(st.sampled_from(EVERYONE), min_size=1),
        st.integers(-1, 1),  # how far the version seen is from the current one
    ),
    max_size=5,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(decisions)
def test_providers_hold_what_their_last_valid_decision_allows(
    upstream: Upstream, evidence: Evidence, sequence: list[tuple[str, set[str], int]]
) -> None:
    resident = f"r-{uuid4().hex}"
    permit_id = upstream.active(resident)
    allowed, version = dict.fromkeys(EVERYONE, False), 0
    twins = {name: InMemory(name, upstream.hub.capabilities[name]) for name in EVERYONE}
    for decided, providers, distance in sequence:
        seen = max(0, version + distance)
        fields = choice(decided, tuple(sorted(providers))) | {"consent_version": seen}
        receipt = upstream.submit("consent.decide", resident, **fields)
        valid = decided == "refuse" or seen == version
        assert receipt.code is (None if valid else RefusalCode.CONSENT_STALE)
        if valid:
            version += 1
            allowed |= dict.fromkeys(providers, decided == "allow")
        shown = evidence.space(resident)
        assert shown.consent.version == version
        assert {state.provider: state.allowed for state in shown.consent.providers} == allowed
    for twin in twins.values():
        asyncio.run(Drain(lane_of(upstream.hub, twin), upstream.hub.today).run())
    assert {name: bool(twin.held) for name, twin in twins.items()} == allowed
    assert evidence.pending() == 0
    assert all(share["holds"] == allowed[name] for name, share in evidence.shares(permit_id).items())
