"""Decisions in any order: the newest counts, and a refusal always, whatever the senders' clocks say."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.receipts import Outcome, Receipt, RefusalCode
from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, EVERYONE, Upstream, choice

THREE = EVERYONE[:3]
AHEAD = 400  # days


class Decide(Protocol):
    def __call__(
        self,
        decided: str,
        days: float,
        providers: Iterable[str] = ...,
        *,
        resident: str = ...,
        seen: int = ...,
        now: datetime | None = ...,
    ) -> Receipt: ...


@pytest.fixture
def decide(upstream: Upstream) -> Decide:
    """Send a decision made so many days from `now`."""

    def send(
        decided: str,
        days: float,
        providers: Iterable[str] = EVERYONE,
        *,
        resident: str = ANNE,
        seen: int = 0,
        now: datetime | None = None,
    ) -> Receipt:
        moment = (now or datetime.now(UTC)) + timedelta(days=days)
        fields = choice(decided, tuple(providers)) | {"decided_at": moment.isoformat()}
        return upstream.submit("consent.decide", resident, **fields, consent_version=seen)

    return send


class Allowed(Protocol):
    def __call__(self, resident: str = ...) -> set[str]: ...


@pytest.fixture
def allowed(evidence: Evidence) -> Allowed:
    def read(resident: str = ANNE) -> set[str]:
        return {state.provider for state in evidence.space(resident).consent.providers if state.allowed}

    return read


def test_an_allowance_older_than_a_refusal_is_stale_though_it_names_the_current_version(
    decide: Decide, allowed: Allowed
) -> None:
    decide("refuse", -1)
    receipt = decide("allow", -2, seen=1)
    assert (receipt.code, receipt.field) == (RefusalCode.CONSENT_STALE, "decided_at")
    assert not allowed()


def test_a_refusal_wins_over_an_allowance_of_the_same_moment(upstream: Upstream, allowed: Allowed) -> None:
    moment = {"decided_at": "2025-03-01T12:00:00Z"}
    upstream.applied("consent.decide", **choice("refuse") | moment)
    receipt = upstream.submit("consent.decide", **choice("allow") | moment, consent_version=1)
    assert receipt.code is RefusalCode.CONSENT_STALE
    assert not allowed()


def test_only_refusals_of_its_own_providers_make_an_allowance_stale(decide: Decide, allowed: Allowed) -> None:
    decide("refuse", -1, THREE[:1])
    assert decide("allow", -2, THREE[:2], seen=1).code is RefusalCode.CONSENT_STALE
    assert decide("allow", -2, THREE[1:2], seen=1).outcome is Outcome.APPLIED
    assert allowed() == {THREE[1]}


def test_an_old_refusal_takes_effect_and_does_not_hide_a_newer_one(decide: Decide, allowed: Allowed) -> None:
    decide("refuse", -3)
    decide("allow", -2, seen=1)
    assert decide("refuse", -5).outcome is Outcome.APPLIED
    assert not allowed()
    assert decide("allow", -4, seen=3).code is RefusalCode.CONSENT_STALE  # older than the first refusal
    assert decide("allow", -1, seen=3).outcome is Outcome.APPLIED


def test_a_refusal_dated_next_year_holds_back_only_earlier_allowances(decide: Decide, allowed: Allowed) -> None:
    assert decide("refuse", AHEAD).outcome is Outcome.APPLIED
    assert decide("allow", -1, seen=1).code is RefusalCode.CONSENT_STALE
    assert decide("allow", 0, seen=1).outcome is Outcome.APPLIED
    assert allowed() == set(EVERYONE)


def test_an_allowance_from_the_future_is_refused(decide: Decide, allowed: Allowed) -> None:
    decide("refuse", -1)
    receipt = decide("allow", 1, seen=1)
    assert (receipt.code, receipt.field) == (RefusalCode.INVALID_DATE, "decided_at")
    assert not allowed()


def test_a_repeated_decision_is_recorded_again(decide: Decide, evidence: Evidence) -> None:
    for seen, decided in enumerate(("allow", "allow", "refuse", "refuse")):
        assert decide(decided, 0, seen=seen).outcome is Outcome.APPLIED
    assert evidence.query("SELECT version, choice FROM consent_decisions ORDER BY version") == [
        (1, "allow"),
        (2, "allow"),
        (3, "refuse"),
        (4, "refuse"),
    ]


def test_an_older_allowance_does_not_restore_an_erased_resident(upstream: Upstream, decide: Decide) -> None:
    upstream.active()
    now = datetime.now(UTC).isoformat()
    upstream.send("resident.erase", upstream.envelope(resident_id=ANNE) | {"submitted_at": now})
    assert decide("allow", -1, seen=1).code is RefusalCode.CONSENT_STALE


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("allow", "refuse")),
            st.sets(st.sampled_from(THREE), min_size=1),
            st.sampled_from((-4, -3, -2, -1, 0, AHEAD)),
            st.sampled_from((0, 0, 0, -1, 1)),  # how far the version seen is from the current one
        ),
        max_size=8,
    )
)
def test_no_order_of_decisions_lets_an_allowance_override_a_newer_refusal(
    decide: Decide, allowed: Allowed, sequence: list[tuple[str, set[str], int, int]]
) -> None:
    resident, start = f"r-{uuid4().hex}", datetime.now(UTC)
    shown, version, refusals = dict.fromkeys(THREE, False), 0, []
    for place, (decided, providers, days, distance) in enumerate(sequence):
        made = (days, 0) if days < 0 else (0, place)  # a decision dated ahead counts from its receipt
        seen, now = max(0, version + distance), start if days < 0 else None
        receipt = decide(decided, days, sorted(providers), resident=resident, seen=seen, now=now)
        if decided == "refuse":
            expected = None
            refusals.append((made, providers))
        elif seen == version and days > 0:
            expected = RefusalCode.INVALID_DATE
        else:
            late = any(made <= refused and named & providers for refused, named in refusals)
            expected = RefusalCode.CONSENT_STALE if late or seen != version else None
        assert receipt.code is expected
        if expected is None:
            version += 1
            shown |= dict.fromkeys(providers, decided == "allow")
        if version:
            assert allowed(resident) == {name for name, allow in shown.items() if allow}
