"""The outlook names the permits that are then forgotten, for each reason that a permit may wait."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from integrations.memory import InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.street import Street, doings, outlook_of_day, told_of
from tests.services.upstream import UNVERIFIED, Upstream
from worker.domain.outlook import Effect, EffectKind, totals
from worker.domain.terms import add_months
from worker.hub import Hub
from worker.live.wake_ups import URGENT
from worker.services.clock.outlook import read_outlook
from worker.services.sharing.drain import Drain
from worker.services.sharing.urgent import UrgentDrain

DAY = timedelta(days=1)
FORGET = Effect(EffectKind.ANONYMISE)
SHARE = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, holds, urgency, due_at, claimed_version,
        failures)
    VALUES (%s, 'easypark', %s, 1, %s, 2, now(), 1, 0) RETURNING 1
"""
LONGEST = 100  # days


def keeping(hub: Hub, months: int) -> Hub:
    """Return a hub that keeps what is over for so many months."""
    return replace(hub, settings=hub.settings.model_copy(update={"permits_kept_months": months}))


def forgotten(hub: Hub, day: date, today: date) -> dict[UUID, date]:
    """Return the permits to be forgotten on a day, and the last days of their retention."""
    counts, concerned = outlook_of_day(hub, day, today)
    found = {one.permit_id: one.day for one in concerned if one.effect == FORGET}
    assert counts[FORGET] == len(found)
    return found


@pytest.fixture
def deliver_on(hub: Hub, twins: dict[str, InMemory], wake_ups: list[str]) -> Callable[[date], None]:
    """Return what lets every provider do on a day what it has been asked to."""

    def deliver_on(day: date) -> None:
        while wake_ups:
            woken = set(wake_ups)
            wake_ups.clear()
            lanes = {name: lane_of(hub, twin) for name, twin in twins.items()}
            if URGENT in woken:
                hub.wake(asyncio.run(UrgentDrain(hub, lanes, lambda: day).run()))
            for name in woken - {URGENT}:
                asyncio.run(Drain(lanes[name], lambda: day).run())

    return deliver_on


def test_with_a_month_of_retention_the_outlook_of_each_day_is_what_the_hub_does_on_it(
    hub: Hub, street: Street, upstream: Upstream, evidence: Evidence, deliver_on: Callable[[date], None], today: date
) -> None:
    hub = keeping(hub, 1)
    street.settle()
    street.ends_in("r-waits-for-a-payment", -25)
    street.renews("r-waits-for-a-payment", paid=False)
    upstream.request("r-under-review", verified=UNVERIFIED)
    deliver_on(today)
    stuck = street.ends_in("r-stuck", -30)
    evidence.query(SHARE, stuck, 1, None)
    days = [today + DAY * day for day in range(LONGEST)]
    before = {day: outlook_of_day(hub, day, today) for day in days}
    whole = read_outlook(hub, today, days[-1])
    everything: Counter[Effect] = Counter()
    for day in days:
        done = doings(evidence, hub, day, deliver_on)
        assert (day, told_of(before[day][1])) == (day, done)
        everything += before[day][0]
    assert totals(period.counts for period in whole) == everything
    assert everything[FORGET] > 40


@pytest.mark.parametrize("ended", [-1, -40, -365])
def test_a_permit_is_forgotten_the_day_after_it_was_kept_for_a_year(
    hub: Hub, street: Street, today: date, ended: int
) -> None:
    permit_id = street.ends_in("r-1", ended, reached=False)
    last = add_months(today + DAY * ended, 12)
    assert forgotten(hub, last + DAY, today) == {permit_id: last}
    assert forgotten(hub, last, today) == forgotten(hub, last + DAY * 2, today) == {}
    assert totals(one.counts for one in read_outlook(hub, today, last)) == {}
    assert totals(one.counts for one in read_outlook(hub, today, last + DAY)) == {FORGET: 1}


@pytest.mark.parametrize(("versions", "holds"), [(1, True), (1, None), (2, False)])
def test_a_permit_that_a_provider_may_still_hold_is_in_the_outlook_only_after_its_removal(
    hub: Hub, street: Street, evidence: Evidence, today: date, versions: int, holds: bool | None
) -> None:
    permit_id = street.ends_in("r-1", -40, reached=False)
    day = add_months(today - DAY * 40, 12) + DAY
    evidence.query(SHARE, permit_id, versions, holds)
    assert forgotten(hub, day, today) == {}
    evidence.query("UPDATE shares SET holds = false, confirmed_version = wanted_version RETURNING 1")
    assert list(forgotten(hub, day, today)) == [permit_id]


def test_the_outlook_assumes_that_providers_remove_a_permit_when_it_lapses(
    hub: Hub, street: Street, evidence: Evidence, today: date
) -> None:
    permit_id = street.ends_in("r-1", 0, reached=False)
    assert evidence.value("SELECT count(*) FROM shares WHERE holds IS NOT FALSE OR confirmed_version < wanted_version")
    assert list(forgotten(hub, add_months(today, 12) + DAY, today)) == [permit_id]


def test_the_retention_of_an_unpaid_request_begins_when_it_is_given_up(hub: Hub, street: Street, today: date) -> None:
    permit_id = street.asks("r-1", reached=False)
    last = add_months(today + DAY * (hub.tariffs.unpaid_lapses_after_days + 1), 12)
    assert forgotten(hub, last + DAY, today) == {permit_id: last}


def test_an_unpaid_renewal_delays_forgetting_until_it_is_given_up(
    hub: Hub, upstream: Upstream, street: Street, today: date
) -> None:
    permit_id = street.ends_in("r-1", -360, reached=False)
    street.renews("r-1", paid=False)
    pay_by = today + DAY * hub.tariffs.unpaid_lapses_after_days
    assert forgotten(hub, pay_by + DAY, today) == {permit_id: pay_by}
    assert forgotten(hub, add_months(today - DAY * 360, 12) + DAY, today) == {}


def test_erased_open_and_forgotten_permits_are_not_in_the_outlook(
    hub: Hub, street: Street, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    street.ends_in("r-1", -40)
    upstream.applied("resident.erase", "r-1")
    upstream.request("r-2", verified=UNVERIFIED)
    street.ends_in("r-3", -400, reached=False)
    assert doings(evidence, hub, today)
    assert totals(one.counts for one in read_outlook(hub, today, today + DAY * 3_000)) == {}


def test_a_permit_to_be_forgotten_long_ago_is_overdue_and_is_forgotten_today(
    hub: Hub, street: Street, today: date
) -> None:
    permit_id = street.ends_in("r-1", -500, reached=False)
    (overdue,) = read_outlook(hub, today, today + DAY * 30)
    assert (overdue.first, overdue.counts) == (None, {FORGET: 1})
    assert list(forgotten(hub, today, today)) == [permit_id]


def test_a_day_of_29_february_is_kept_to_28_february(hub: Hub, evidence: Evidence, street: Street) -> None:
    leap = Upstream(hub, street.today.replace(year=2028, month=2, day=29))
    terms = [{"first_day": leap.day(-99), "last_day": leap.day(0)}]
    leap.take_over(leap.row("r-1", terms=terms))
    last = leap.today.replace(year=2029, day=28)
    assert list(forgotten(hub, last + DAY, leap.today).values()) == [last]
    assert forgotten(hub, last, leap.today) == {}
