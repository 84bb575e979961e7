"""What is foretold to be forgotten is what is then forgotten, whatever a permit waits for until that day."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.services.hubs import lane_of
from tests.services.street import doings, foretold, told_of
from tests.services.upstream import UNVERIFIED, Upstream
from worker.domain.outlook import Doing, What, totals
from worker.domain.terms import add_months
from worker.services.clock.outlook import foretell
from worker.services.sharing.drain import Drain

DAY = timedelta(days=1)
FORGET = What(Doing.ANONYMISE)
SHARE = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, holds, urgency, due_at, claimed_version,
        failures)
    VALUES (%s, 'easypark', %s, 1, %s, 2, now(), 1, 0) RETURNING 1
"""
LONGEST = 100  # days


def keeping(hub, months):
    """Return a hub that keeps what is over for so many months."""
    return replace(hub, settings=hub.settings.model_copy(update={"permits_kept_months": months}))


def forgotten(hub, day, today):
    """Return the permits that are foretold to be forgotten on a day, and their last days of being kept."""
    counts, concerned = foretold(hub, day, today)
    found = {one.permit_id: one.day for one in concerned if one.what == FORGET}
    assert counts[FORGET] == len(found)
    return found


@pytest.fixture
def deliver_on(hub, twins, wake_ups):
    """Return what lets every provider do on a day what it has been asked to."""

    def deliver_on(day):
        while wake_ups:
            woken = set(wake_ups)
            wake_ups.clear()
            for name in woken:
                asyncio.run(Drain(lane_of(hub, twins[name]), lambda: day).run())

    return deliver_on


def test_of_permits_that_are_kept_for_a_month_each_day_has_what_the_hub_does_when_it_has_come(
    hub, street, upstream, evidence, deliver_on, today
):
    hub = keeping(hub, 1)
    street.settle()
    street.ends_in("r-waits-for-a-payment", -25)
    street.renews("r-waits-for-a-payment", paid=False)
    upstream.request("r-under-review", verified=UNVERIFIED)
    deliver_on(today)
    stuck = street.ends_in("r-stuck", -30)
    evidence.query(SHARE, stuck, 1, None)
    days = [today + DAY * day for day in range(LONGEST)]
    before = {day: foretold(hub, day, today) for day in days}
    whole = foretell(hub, today, days[-1])
    everything = Counter()
    for day in days:
        done = doings(evidence, hub, day, deliver_on)
        assert (day, told_of(before[day][1])) == (day, done)
        everything += before[day][0]
    assert totals(period.counts for period in whole) == everything
    assert everything[FORGET] > 40


@pytest.mark.parametrize("ended", [-1, -40, -365])
def test_a_permit_is_forgotten_the_day_after_it_was_kept_for_a_year(hub, street, today, ended):
    permit_id = street.ends_in("r-1", ended, reached=False)
    last = add_months(today + DAY * ended, 12)
    assert forgotten(hub, last + DAY, today) == {permit_id: last}
    assert forgotten(hub, last, today) == forgotten(hub, last + DAY * 2, today) == {}
    assert totals(one.counts for one in foretell(hub, today, last)) == {}
    assert totals(one.counts for one in foretell(hub, today, last + DAY)) == {FORGET: 1}


@pytest.mark.parametrize(("versions", "holds"), [((1, True)), ((1, None)), ((2, False))])
def test_what_a_provider_may_still_hold_is_not_foretold_before_it_is_removed(
    hub, street, evidence, today, versions, holds
):
    permit_id = street.ends_in("r-1", -40, reached=False)
    day = add_months(today - DAY * 40, 12) + DAY
    evidence.query(SHARE, permit_id, versions, holds)
    assert forgotten(hub, day, today) == {}
    evidence.query("UPDATE shares SET holds = false, confirmed_version = wanted_version RETURNING 1")
    assert list(forgotten(hub, day, today)) == [permit_id]


def test_what_is_in_force_is_foretold_as_its_providers_remove_it_when_it_lapses(hub, street, evidence, today):
    permit_id = street.ends_in("r-1", 0, reached=False)
    assert evidence.value("SELECT count(*) FROM shares WHERE holds IS NOT FALSE OR confirmed_version < wanted_version")
    assert list(forgotten(hub, add_months(today, 12) + DAY, today)) == [permit_id]


def test_a_request_that_is_not_paid_is_kept_from_the_day_it_is_given_up(hub, street, today):
    permit_id = street.asks("r-1", reached=False)
    last = add_months(today + DAY * (hub.tariffs.unpaid_lapses_after_days + 1), 12)
    assert forgotten(hub, last + DAY, today) == {permit_id: last}


def test_a_renewal_that_is_not_paid_puts_it_off_to_the_day_on_which_it_is_given_up(hub, upstream, street, today):
    permit_id = street.ends_in("r-1", -360, reached=False)
    street.renews("r-1", paid=False)
    pay_by = today + DAY * hub.tariffs.unpaid_lapses_after_days
    assert forgotten(hub, pay_by + DAY, today) == {permit_id: pay_by}
    assert forgotten(hub, add_months(today - DAY * 360, 12) + DAY, today) == {}


def test_what_is_erased_open_or_forgotten_is_not_forgotten_again(hub, street, upstream, evidence, today):
    street.ends_in("r-1", -40)
    upstream.applied("resident.erase", "r-1")
    upstream.request("r-2", verified=UNVERIFIED)
    street.ends_in("r-3", -400, reached=False)
    assert doings(evidence, hub, today)
    assert totals(one.counts for one in foretell(hub, today, today + DAY * 3_000)) == {}


def test_what_should_have_been_forgotten_long_ago_is_overdue_and_is_forgotten_today(hub, street, today):
    permit_id = street.ends_in("r-1", -500, reached=False)
    (overdue,) = foretell(hub, today, today + DAY * 30)
    assert (overdue.first, overdue.counts) == (None, {FORGET: 1})
    assert list(forgotten(hub, today, today)) == [permit_id]


def test_a_day_of_29_february_is_kept_to_28_february(hub, evidence, street):
    leap = Upstream(hub, street.today.replace(year=2028, month=2, day=29))
    terms = [{"first_day": leap.day(-99), "last_day": leap.day(0)}]
    leap.take_over(leap.row("r-1", terms=terms))
    last = leap.today.replace(year=2029, day=28)
    assert list(forgotten(hub, last + DAY, leap.today).values()) == [last]
    assert forgotten(hub, last, leap.today) == {}
