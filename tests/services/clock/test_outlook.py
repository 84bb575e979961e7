"""The outlook is what the hub then does: today at once, and on each later day if nothing else changes."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError

from tests.services.evidence import Evidence
from tests.services.street import Street, counted, doings, outlook_of_day, told_of
from tests.services.upstream import Upstream
from worker.db.clock import outlook
from worker.db.clock.outlook import PermitEffect
from worker.db.engine import transact
from worker.domain.outlook import Effect, EffectKind, totals
from worker.hub import Hub
from worker.services.clock.outlook import read_outlook
from worker.services.reminders.decide import decide

LONGEST = 135  # days, until all that the street has has come about


def test_the_outlook_of_today_is_exactly_what_the_hub_then_does(
    hub: Hub, street: Street, evidence: Evidence, today: date
) -> None:
    street.settle()
    counts, concerned = outlook_of_day(hub, today, today)
    done = doings(evidence, hub, today)
    assert told_of(concerned) == done
    assert counts == counted(done)
    assert {what.kind for what in counts} == set(EffectKind)
    assert outlook_of_day(hub, today, today) == (Counter(), [])


def test_the_outlook_of_a_later_day_is_what_the_hub_does_on_it(
    hub: Hub, street: Street, evidence: Evidence, today: date
) -> None:
    street.settle()
    days = [today + timedelta(days=day) for day in range(LONGEST)]
    before = {day: outlook_of_day(hub, day, today) for day in days}
    whole = read_outlook(hub, today, days[-1])
    everything: Counter[Effect] = Counter()
    for day in days:
        done = doings(evidence, hub, day)
        counts, concerned = before[day]
        assert (day, told_of(concerned)) == (day, done)
        assert counts == counted(done)
        everything += counts
    assert totals(period.counts for period in whole) == everything
    assert {what.kind for what in everything} == set(EffectKind)
    assert {what.days_ahead for what in everything if what.kind is EffectKind.EXPIRY} == {60, 30, 7, 0, -1}


def test_the_outlook_of_many_days_equals_that_of_each_day_and_leaves_out_empty_days(
    hub: Hub, street: Street, today: date
) -> None:
    street.settle()
    overdue, *later = read_outlook(hub, today, today + timedelta(days=30))
    first = outlook_of_day(hub, today, today)[0]
    assert (overdue.first, overdue.last) == (None, today - timedelta(days=1))
    assert totals([overdue.counts, later[0].counts]) == first
    days = {period.first: period.counts for period in later}
    for day in (today + timedelta(days=number) for number in range(1, 31)):
        assert days.get(day, Counter()) == outlook_of_day(hub, day, today)[0]
    assert all(days.values())


def reminders_of(hub: Hub, day: date, today: date) -> list[int]:
    """Return the offsets of the reminders in the outlook of a day."""
    counts, _ = outlook_of_day(hub, day, today)
    reminders = [what for what in counts.elements() if what.kind is EffectKind.EXPIRY]
    return sorted(what.days_ahead for what in reminders if what.days_ahead is not None)


def test_a_term_that_ends_lapses_the_day_after_unless_it_is_renewed(hub: Hub, street: Street, today: date) -> None:
    lapses, renewed = street.ends_in("r-1", 5), street.ends_in("r-2", 5)
    street.renews("r-2")
    counts, concerned = outlook_of_day(hub, today + timedelta(days=6), today)
    assert (counts[Effect(EffectKind.LAPSE)], counts[Effect(EffectKind.RENEWAL)]) == (1, 1)
    told = {one.effect.kind: (one.permit_id, one.day) for one in concerned}
    last = today + timedelta(days=5)
    assert (told[EffectKind.LAPSE], told[EffectKind.RENEWAL]) == ((lapses, last), (renewed, last))
    assert EffectKind.LAPSE not in {what.kind for what in outlook_of_day(hub, last, today)[0]}


def test_inactive_and_erased_permits_are_not_in_the_outlook(hub: Hub, street: Street, today: date) -> None:
    for status in ("ended", "cancelled_by_resident"):
        street.ends_in(f"r-{status}", 5, status=status)
    street.ends_in("r-erased", 5)
    street.upstream.applied("resident.erase", "r-erased")
    assert read_outlook(hub, today, today + timedelta(days=90)) == []


@pytest.mark.parametrize("why", ["wants none", "address refused", "no address"])
def test_an_unreachable_resident_has_no_reminder_in_the_outlook_and_the_permit_still_lapses(
    hub: Hub, street: Street, evidence: Evidence, today: date, why: str
) -> None:
    street.ends_in("r-1", 40, reached=why != "no address")
    if why == "wants none":
        street.upstream.applied("resident.choose_reminders", "r-1", channel="none")
    if why == "address refused":
        evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    whole = totals(one.counts for one in read_outlook(hub, today, today + timedelta(days=90)))
    assert whole == {Effect(EffectKind.LAPSE): 1}


def test_a_lapse_that_was_acted_on_is_not_counted_again(hub: Hub, street: Street, today: date) -> None:
    street.ends_in("r-1", -40)
    assert read_outlook(hub, today, today + timedelta(days=90)) == []


def test_a_decided_reminder_is_not_counted_again_and_the_next_one_is(hub: Hub, street: Street, today: date) -> None:
    street.ends_in("r-1", 20)
    assert reminders_of(hub, today, today) == [30]
    while decide(hub, today):
        pass
    assert reminders_of(hub, today, today) == []
    assert reminders_of(hub, today + timedelta(days=13), today) == [7]


def test_a_term_that_was_looked_at_without_an_address_has_no_reminder_until_the_next_offset(
    hub: Hub, street: Street, evidence: Evidence, today: date
) -> None:
    street.ends_in("r-1", 20)
    evidence.query("UPDATE residents SET email_refused_at = now() RETURNING 1")
    assert not doings(evidence, hub, today)
    evidence.query("UPDATE residents SET email_refused_at = NULL RETURNING 1")
    assert outlook_of_day(hub, today, today) == (Counter(), [])
    assert not doings(evidence, hub, today)
    assert reminders_of(hub, today + timedelta(days=13), today) == [7]


def test_the_outlook_of_a_changed_schedule_is_what_is_then_decided(
    hub: Hub, street: Street, evidence: Evidence, today: date
) -> None:
    street.ends_in("r-1", 40)
    doings(evidence, hub, today)
    changed = replace(hub, settings=hub.settings.model_copy(update={"reminder_days": (45, 14, 0)}))
    for ahead, expected in ((0, [45]), (26, [14]), (40, [0]), (41, [])):
        day = today + timedelta(days=ahead)
        concerned = outlook_of_day(changed, day, today)[1]
        assert reminders_of(changed, day, today) == expected
        if ahead == 0:
            assert doings(evidence, changed, day) == told_of(concerned)
    assert reminders_of(hub, today + timedelta(days=10), today) == [30]


def test_a_payment_is_reminded_of_before_its_request_lapses(hub: Hub, street: Street, today: date) -> None:
    permit_id = street.asks("r-1")
    pay_by = today + timedelta(days=hub.tariffs.unpaid_lapses_after_days)
    reminder, lapse = Effect(EffectKind.PAYMENT, 5), Effect(EffectKind.REQUEST)
    assert outlook_of_day(hub, pay_by - timedelta(days=5), today)[1] == [PermitEffect(permit_id, reminder, pay_by)]
    assert outlook_of_day(hub, pay_by + timedelta(days=1), today)[1] == [PermitEffect(permit_id, lapse, pay_by)]
    whole = read_outlook(hub, today, pay_by + timedelta(days=9))
    assert totals(one.counts for one in whole) == {reminder: 1, lapse: 1}


def test_the_outlook_is_right_around_29_february(hub: Hub, evidence: Evidence) -> None:
    first = date(2028, 2, 26)
    street = Street(hub, Upstream(hub, first), evidence)
    for days in range(6):
        street.ends_in(f"r-ends-{days}", days)
        street.ends_in(f"r-renewable-{days}", days + 60)
    for day in (first + timedelta(days=days) for days in range(7)):
        _, concerned = outlook_of_day(hub, day, day)
        assert (day, told_of(concerned)) == (day, doings(evidence, hub, day))


def test_a_limit_shortens_the_list_of_permits_and_not_the_counts(hub: Hub, street: Street, today: date) -> None:
    for number in range(3):
        street.ends_in(f"r-{number}", 30)
    counts, concerned = outlook_of_day(hub, today, today, limit=2)
    assert (sum(counts.values()), len(concerned)) == (3, 2)
    assert [one.permit_id for one in concerned] == sorted(street.permits.values())[:2]


def test_reading_the_outlook_writes_nothing_and_cannot_write(
    hub: Hub, street: Street, evidence: Evidence, today: date
) -> None:
    street.settle()
    before = evidence.truth()
    outlook_of_day(hub, today, today)
    read_outlook(hub, today, today + timedelta(days=90))
    assert evidence.truth() == before

    def write(db: Connection) -> None:
        outlook.begin(db)
        db.execute(text("UPDATE terms SET end_applied = true"))

    with pytest.raises(InternalError, match="read-only transaction"):
        transact(hub.engine, write)
