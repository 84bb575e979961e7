"""What is foretold is what the hub then does: today at once, and on each later day if nothing else changes."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from tests.services.street import Street, counted, doings, foretold, told_of
from tests.services.upstream import Upstream
from worker.db.clock import outlook
from worker.db.clock.outlook import Concerned
from worker.db.engine import transact
from worker.domain.outlook import Doing, What, totals
from worker.services.clock.outlook import foretell
from worker.services.reminders.decide import decide

LONGEST = 135  # days, until all that the street has has come about


def test_what_is_foretold_of_today_is_exactly_what_the_hub_then_does(hub, street, evidence, today):
    street.settle()
    counts, concerned = foretold(hub, today, today)
    done = doings(evidence, hub, today)
    assert told_of(concerned) == done
    assert counts == counted(done)
    assert {what.doing for what in counts} == set(Doing)
    assert foretold(hub, today, today) == (Counter(), [])


def test_what_is_foretold_of_each_later_day_is_what_the_hub_does_when_it_has_come(hub, street, evidence, today):
    street.settle()
    days = [today + timedelta(days=day) for day in range(LONGEST)]
    before = {day: foretold(hub, day, today) for day in days}
    whole = foretell(hub, today, days[-1])
    everything = Counter()
    for day in days:
        done = doings(evidence, hub, day)
        counts, concerned = before[day]
        assert (day, told_of(concerned)) == (day, done)
        assert counts == counted(done)
        everything += counts
    assert totals(period.counts for period in whole) == everything
    assert {what.doing for what in everything} == set(Doing)
    assert {what.days_ahead for what in everything if what.doing is Doing.EXPIRY} == {60, 30, 7, 0, -1}


def test_each_day_of_the_outlook_has_what_is_foretold_of_it_and_a_day_with_nothing_is_left_out(hub, street, today):
    street.settle()
    overdue, *later = foretell(hub, today, today + timedelta(days=30))
    first = foretold(hub, today, today)[0]
    assert (overdue.first, overdue.last) == (None, today - timedelta(days=1))
    assert totals([overdue.counts, later[0].counts]) == first
    days = {period.first: period.counts for period in later}
    for day in (today + timedelta(days=number) for number in range(1, 31)):
        assert days.get(day, Counter()) == foretold(hub, day, today)[0]
    assert all(days.values())


def reminders_of(hub, day, today):
    """Return the offsets that are foretold of a day."""
    counts, _ = foretold(hub, day, today)
    return sorted(what.days_ahead for what in counts.elements() if what.doing is Doing.EXPIRY)


def test_a_term_that_ends_lapses_the_day_after_unless_it_is_renewed(hub, street, today):
    lapses, renewed = street.ends_in("r-1", 5), street.ends_in("r-2", 5)
    street.renews("r-2")
    counts, concerned = foretold(hub, today + timedelta(days=6), today)
    assert (counts[What(Doing.LAPSE)], counts[What(Doing.RENEWAL)]) == (1, 1)
    told = {one.what.doing: (one.permit_id, one.day) for one in concerned}
    last = today + timedelta(days=5)
    assert (told[Doing.LAPSE], told[Doing.RENEWAL]) == ((lapses, last), (renewed, last))
    assert Doing.LAPSE not in {what.doing for what in foretold(hub, last, today)[0]}


def test_what_is_not_active_or_erased_comes_to_no_end(hub, street, today):
    for status in ("ended", "cancelled_by_resident"):
        street.ends_in(f"r-{status}", 5, status=status)
    street.ends_in("r-erased", 5)
    street.upstream.applied("resident.erase", "r-erased")
    assert foretell(hub, today, today + timedelta(days=90)) == []


@pytest.mark.parametrize("why", ["wants none", "address refused", "no address"])
def test_whoever_is_not_to_be_reminded_is_not_counted_and_the_permit_lapses_all_the_same(
    hub, street, evidence, today, why
):
    street.ends_in("r-1", 40, reached=why != "no address")
    if why == "wants none":
        street.upstream.applied("resident.choose_reminders", "r-1", channel="none")
    if why == "address refused":
        evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    whole = totals(one.counts for one in foretell(hub, today, today + timedelta(days=90)))
    assert whole == {What(Doing.LAPSE): 1}


def test_what_lapsed_long_ago_and_was_acted_on_is_not_counted_again(hub, street, today):
    street.ends_in("r-1", -40)
    assert foretell(hub, today, today + timedelta(days=90)) == []


def test_what_is_decided_already_is_not_counted_again_and_what_follows_still_is(hub, street, today):
    street.ends_in("r-1", 20)
    assert reminders_of(hub, today, today) == [30]
    while decide(hub, today):
        pass
    assert reminders_of(hub, today, today) == []
    assert reminders_of(hub, today + timedelta(days=13), today) == [7]


def test_a_term_that_was_looked_at_while_nobody_could_be_reached_is_not_foretold_as_the_hub_looks_once(
    hub, street, evidence, today
):
    street.ends_in("r-1", 20)
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    assert not doings(evidence, hub, today)
    evidence.query("UPDATE residents SET email_refused_at = NULL RETURNING 1")
    assert foretold(hub, today, today) == (Counter(), [])
    assert not doings(evidence, hub, today)
    assert reminders_of(hub, today + timedelta(days=13), today) == [7]


def test_a_changed_schedule_is_foretold_as_it_is_then_decided(hub, street, evidence, today):
    street.ends_in("r-1", 40)
    doings(evidence, hub, today)
    changed = replace(hub, settings=hub.settings.model_copy(update={"reminder_days": (45, 14, 0)}))
    for ahead, expected in ((0, [45]), (26, [14]), (40, [0]), (41, [])):
        day = today + timedelta(days=ahead)
        concerned = foretold(changed, day, today)[1]
        assert reminders_of(changed, day, today) == expected
        if ahead == 0:
            assert doings(evidence, changed, day) == told_of(concerned)
    assert reminders_of(hub, today + timedelta(days=10), today) == [30]


def test_a_payment_is_reminded_of_before_its_request_lapses(hub, street, today):
    permit_id = street.asks("r-1")
    pay_by = today + timedelta(days=hub.tariffs.unpaid_lapses_after_days)
    reminder, lapse = What(Doing.PAYMENT, 5), What(Doing.REQUEST)
    assert foretold(hub, pay_by - timedelta(days=5), today)[1] == [Concerned(permit_id, reminder, pay_by)]
    assert foretold(hub, pay_by + timedelta(days=1), today)[1] == [Concerned(permit_id, lapse, pay_by)]
    whole = foretell(hub, today, pay_by + timedelta(days=9))
    assert totals(one.counts for one in whole) == {reminder: 1, lapse: 1}


def test_over_the_end_of_february_of_a_leap_year_each_day_has_what_the_hub_then_does(hub, evidence):
    first = date(2028, 2, 26)
    street = Street(hub, Upstream(hub, first), evidence)
    for days in range(6):
        street.ends_in(f"r-ends-{days}", days)
        street.ends_in(f"r-renewable-{days}", days + 60)
    for day in (first + timedelta(days=days) for days in range(7)):
        _, concerned = foretold(hub, day, day)
        assert (day, told_of(concerned)) == (day, doings(evidence, hub, day))


def test_a_list_is_as_short_as_was_asked_and_counts_are_of_all(hub, street, today):
    for number in range(3):
        street.ends_in(f"r-{number}", 30)
    counts, concerned = foretold(hub, today, today, limit=2)
    assert (sum(counts.values()), len(concerned)) == (3, 2)
    assert [one.permit_id for one in concerned] == sorted(street.permits.values())[:2]


def test_to_foretell_changes_nothing_and_could_not(hub, street, evidence, today):
    street.settle()
    before = evidence.truth()
    foretold(hub, today, today)
    foretell(hub, today, today + timedelta(days=90))
    assert evidence.truth() == before

    def write(db):
        outlook.begin(db)
        db.execute(text("UPDATE terms SET end_applied = true"))

    with pytest.raises(InternalError, match="read-only transaction"):
        transact(hub.engine, write)
