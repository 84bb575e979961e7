"""The clock at work: ended terms, unpaid changes, days of downtime, two clocks at once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from time import monotonic
from uuid import UUID

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from integrations.memory import InMemory
from schemas.events import EventType
from schemas.shared import SharedField, Validity
from schemas.space import ActionName, CardStatus
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver, lane_of
from tests.services.upstream import ANNE, BOB, CITY, EVERYONE, Upstream
from worker.db.clock import ended as ended_terms
from worker.db.engine import transact
from worker.domain.sharing import Urgency
from worker.hub import Hub
from worker.services.clock.advance import advance
from worker.services.sharing.drain import Drain

HOLDERS = [*EVERYONE, CITY]
WANTED = "SELECT provider, wanted_version, urgency FROM shares WHERE permit_id = %s ORDER BY provider"


@pytest.fixture
def ending(upstream: Upstream) -> UUID:
    """Return a permit whose term ends today, for every provider to hold."""
    row = upstream.row(terms=[{"first_day": upstream.day(-365), "last_day": upstream.day(0)}])
    upstream.take_over(row)
    upstream.allow()
    return UUID(row["permit_id"])


@pytest.fixture
def tomorrow(today: date) -> date:
    return today + timedelta(days=1)


def types(evidence: Evidence, resident: str = ANNE) -> list[EventType]:
    return [event.type for event in evidence.told(resident)]


def test_an_ended_term_makes_every_share_due_the_next_day(
    hub: Hub, upstream: Upstream, evidence: Evidence, ending: UUID, today: date, tomorrow: date, wake_ups: list[str]
) -> None:
    before = evidence.query(WANTED, ending)
    wake_ups.clear()
    for name in HOLDERS:
        hub.live.wake_ups.end(name)
    assert advance(hub, today) == 0
    assert evidence.query(WANTED, ending) == before
    assert advance(hub, tomorrow) == 1
    assert [row[1] for row in evidence.query(WANTED, ending)] == [row[1] + 1 for row in before]
    assert sorted(wake_ups) == sorted(HOLDERS)
    assert types(evidence)[-1] is EventType.PERMIT_LAPSED
    assert evidence.told()[-1].data.permit_ids == (ending,)


def test_providers_hold_nothing_once_the_term_is_over(
    hub: Hub, upstream: Upstream, twins: dict[str, InMemory], deliver: Deliver, evidence: Evidence, today: date
) -> None:
    long_ago = Upstream(hub, today - timedelta(days=5))
    row = upstream.row(terms=[{"first_day": upstream.day(-365), "last_day": upstream.day(-2)}])
    long_ago.take_over(row)
    long_ago.allow()
    evidence.query("UPDATE shares SET holds = true, confirmed_hash = NULL RETURNING 1")
    evidence.query("UPDATE shares SET confirmed_version = wanted_version RETURNING 1")
    assert advance(hub, today) == 1
    deliver()
    assert evidence.query("SELECT count(*) FROM shares WHERE holds IS NOT FALSE") == [(0,)]


def test_the_card_of_an_ended_term_stays_active_and_offers_renewal(
    hub: Hub, evidence: Evidence, ending: UUID, today: date, tomorrow: date
) -> None:
    advance(hub, tomorrow)
    card = evidence.card(ANNE, ending)
    assert (card.status, card.valid_until) == (CardStatus.ACTIVE, today)
    assert ActionName.RENEW in [action.name for action in card.actions]


def test_changes_by_the_clock_have_the_lowest_urgency(
    hub: Hub, deliver: Deliver, evidence: Evidence, ending: UUID, tomorrow: date
) -> None:
    deliver()
    advance(hub, tomorrow)
    assert {row[2] for row in evidence.query(WANTED, ending)} == {Urgency.ROUTINE.value}


def test_lapsed_unpaid_changes_have_the_lowest_urgency(
    hub: Hub, upstream: Upstream, deliver: Deliver, evidence: Evidence, today: date
) -> None:
    row = upstream.row(terms=[{"first_day": upstream.day(-325), "last_day": upstream.day(40)}])
    upstream.take_over(row)
    upstream.allow()
    upstream.applied("permit.renew", permit_id=row["permit_id"], years=1)
    deliver()
    before = evidence.query(WANTED, row["permit_id"])
    assert advance(hub, today + timedelta(days=hub.tariffs.unpaid_lapses_after_days + 1)) == 1
    expected = [(provider, version + 1, Urgency.ROUTINE.value) for provider, version, _ in before]
    assert evidence.query(WANTED, row["permit_id"]) == expected


def test_a_renewed_permit_continues_over_midnight_without_an_event(
    hub: Hub, upstream: Upstream, evidence: Evidence, ending: UUID, tomorrow: date
) -> None:
    upstream.applied("permit.renew", permit_id=ending, years=1)
    upstream.applied("permit.confirm_payment", permit_id=ending, payment_reference="P-1", amount_cents=4500)
    before, told = evidence.query(WANTED, ending), types(evidence)
    assert advance(hub, tomorrow) == 1
    assert advance(hub, tomorrow) == 0
    assert evidence.query(WANTED, ending) == before
    assert types(evidence) == told


def test_a_term_is_acted_on_once_by_many_clocks_after_days_of_downtime(
    hub: Hub, evidence: Evidence, ending: UUID, today: date
) -> None:
    with ThreadPoolExecutor(4) as clocks:
        list(clocks.map(lambda days: advance(hub, today + timedelta(days=days)), [9, 9, 9, 9, 10, 10, 8, 9]))
    assert types(evidence).count(EventType.PERMIT_LAPSED) == 1


def test_an_imported_term_already_over_makes_no_event(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    upstream.lapsed()
    assert advance(hub, today) == 0
    assert types(evidence) == [EventType.PERMIT_IMPORTED]


def test_an_unpaid_request_lapses_the_day_after_its_last_and_frees_its_plate(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    wanted = upstream.request(plate={"raw": "ZZ-999-ZZ"})
    last = today + timedelta(days=hub.tariffs.unpaid_lapses_after_days)
    assert advance(hub, last) == 0
    assert evidence.card(ANNE, wanted).status is CardStatus.AWAITING_PAYMENT
    assert advance(hub, last + timedelta(days=1)) == 1
    assert evidence.card(ANNE, wanted).status is CardStatus.CANCELLED_UNPAID
    assert types(evidence)[-1] is EventType.PERMIT_CANCELLED
    upstream.active(BOB, plate={"raw": "ZZ-999-ZZ"})
    assert advance(hub, last + timedelta(days=1)) == 0


def test_an_unpaid_change_lapses_and_the_permit_stays(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    permit_id = upstream.lapsed()
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    assert advance(hub, today + timedelta(days=60)) == 1
    assert types(evidence)[-1] is EventType.PERMIT_PENDING_CHANGE_CANCELLED
    assert evidence.card(ANNE, permit_id).status is CardStatus.ACTIVE


def test_a_term_that_began_during_downtime_is_sent_to_providers(
    hub: Hub, upstream: Upstream, twins: dict[str, InMemory], evidence: Evidence, today: date
) -> None:
    days = [(-365, 1), (4, 30)]
    terms = [{"first_day": upstream.day(first), "last_day": upstream.day(last)} for first, last in days]
    upstream.take_over(upstream.row(terms=terms))
    later, twin = today + timedelta(days=5), twins[CITY]

    def drain(day: date) -> None:
        asyncio.run(Drain(lane_of(hub, twin), lambda: day).run())

    for day in (today, later):
        assert advance(hub, day) == (day == later)
        drain(day)
    (held,) = twin.held.values()
    validity = held[SharedField.VALIDITY]
    assert isinstance(validity, Validity)
    assert (str(validity.first_day), str(validity.last_day)) == (upstream.day(4), upstream.day(30))
    assert EventType.PERMIT_LAPSED not in types(evidence)


def test_the_clock_leaves_an_erased_resident_alone(
    hub: Hub, upstream: Upstream, evidence: Evidence, ending: UUID, tomorrow: date
) -> None:
    upstream.applied("resident.erase")
    told = types(evidence)
    advance(hub, tomorrow)
    assert advance(hub, tomorrow) == 0
    assert types(evidence) == told


def test_after_days_of_downtime_the_earliest_day_comes_first(hub: Hub, upstream: Upstream, today: date) -> None:
    def ended(resident: str, day: int) -> None:
        terms = [{"first_day": upstream.day(-99), "last_day": upstream.day(day)}]
        Upstream(hub, today + timedelta(days=day)).take_over(upstream.row(resident, terms=terms))

    def unpaid(resident: str, day: int) -> None:
        Upstream(hub, today + timedelta(days=day - hub.tariffs.unpaid_lapses_after_days)).request(resident)

    for due, resident, day in (
        (ended, "r-e", -1),
        (unpaid, "r-b", -2),
        (ended, "r-a", -3),
        (unpaid, "r-f", -4),
        (unpaid, "r-c", -1),
        (ended, "r-d", -5),
        (unpaid, "r-d", -8),
        (ended, "r-c", -9),
    ):
        due(resident, day)
    expected = ["r-c", "r-d", "r-f", "r-a", "r-b", "r-e"]
    for most in range(1, 7):
        assert transact(hub.engine, partial(ended_terms.due_residents, today=today, limit=most)) == expected[:most]


@pytest.mark.parametrize("found_at_once", [1, 2])
def test_a_failing_resident_does_not_delay_the_next(
    hub: Hub,
    upstream: Upstream,
    evidence: Evidence,
    ending: UUID,
    tomorrow: date,
    monkeypatch: pytest.MonkeyPatch,
    found_at_once: int,
) -> None:
    monkeypatch.setattr("worker.services.clock.advance.SLICE", found_at_once)
    evidence.query(
        "UPDATE permits SET zones = '{}', status = 'active', pending = '{\"pay_by\": \"2000-01-01\"}' RETURNING 1"
    )
    row = upstream.row(BOB, terms=[{"first_day": upstream.day(-365), "last_day": upstream.day(0)}])
    upstream.take_over(row)
    assert advance(hub, tomorrow) == 1
    assert types(evidence, BOB)[-1] is EventType.PERMIT_LAPSED


def test_a_resident_locked_by_a_job_does_not_delay_the_others(
    hub: Hub, upstream: Upstream, evidence: Evidence, ending: UUID, tomorrow: date
) -> None:
    row = upstream.row(BOB, terms=[{"first_day": upstream.day(-365), "last_day": upstream.day(0)}])
    upstream.take_over(row)
    with evidence.database.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM residents WHERE resident_id = %s FOR UPDATE", [ANNE])
        assert advance(hub, tomorrow) == 1
    assert types(evidence, BOB)[-1] is EventType.PERMIT_LAPSED
    assert advance(hub, tomorrow) == 1
    assert types(evidence)[-1] is EventType.PERMIT_LAPSED


def test_a_task_out_of_time_ends_without_retrying_residents_singly(
    hub: Hub, upstream: Upstream, ending: UUID, tomorrow: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.take_over(upstream.row(BOB, terms=[{"first_day": upstream.day(-365), "last_day": upstream.day(0)}]))
    acted = []

    def late(*_arguments: object) -> None:
        acted.append(1)
        raise SoftTimeLimitExceeded

    monkeypatch.setattr("worker.services.clock.advance.residents.lock_free", late)
    with pytest.raises(SoftTimeLimitExceeded):
        advance(hub, tomorrow)
    assert len(acted) == 1


def test_advancing_ends_when_its_time_is_over(hub: Hub, ending: UUID, tomorrow: date) -> None:
    assert advance(hub, tomorrow, until=monotonic()) == 0
    assert advance(hub, tomorrow, until=monotonic() + 60) == 1
