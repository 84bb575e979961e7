"""What is foretold is what the hub then does: today at once, and on each later day if nothing else changes."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from tests.services.upstream import Upstream
from worker.db import outlook
from worker.db.engine import transact
from worker.db.outlook import Concerned
from worker.domain.outlook import Doing, What, totals
from worker.services.calendar import advance
from worker.services.outlook import foretell, foretell_day
from worker.services.reminders import decide

CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}
LONGEST = 135  # days, until all that the street has has come about
# The ledger of reminders, all that was told, and the ends of active permits' terms that were acted on.
DONE = """
    SELECT occasion || '_reminder', days_ahead, permit_id, day, 0 FROM reminders
    UNION ALL
    SELECT type, NULL, CAST(permit_id AS uuid), NULL, sequence
    FROM events CROSS JOIN jsonb_array_elements_text(data -> 'permit_ids') AS permit_id
    UNION ALL
    SELECT status, NULL, permit_id, last_day, 0 FROM terms JOIN permits USING (permit_id)
    WHERE noted AND status = 'active'
"""
TOLD = {
    "permit.lapsed": Doing.LAPSE,
    "permit.cancelled": Doing.REQUEST,
    "permit.pending_change_cancelled": Doing.CHANGE,
}


class Street:
    """Residents whose permits are in every state that matters to the calendar."""

    def __init__(self, hub, upstream, evidence):
        self.hub, self.upstream, self.evidence, self.today = hub, upstream, evidence, upstream.today
        self.permits = {}

    def contact(self, name):
        self.upstream.applied("resident.update_contact", name, **CONTACT)

    def ends_in(self, name, days, *, reached=True, since=None, **fields):
        """Take over a permit that ends in so many days, as on an earlier day where one is given."""
        upstream = self.upstream if since is None else Upstream(self.hub, self.today + timedelta(days=since))
        if reached:
            self.contact(name)
        terms = [{"first_day": self.upstream.day(days - 364), "last_day": self.upstream.day(days)}]
        row = self.upstream.row(name, terms=terms) | fields
        assert upstream.take_over(row).rows[0].code is None
        self.permits[name] = UUID(row["permit_id"])
        return self.permits[name]

    def asks(self, name, since=0, *, reached=True):
        """Have a permit asked for and not paid, so many days ago."""
        if reached:
            self.contact(name)
        self.permits[name] = Upstream(self.hub, self.today + timedelta(days=since)).request(name)
        return self.permits[name]

    def renews(self, name, *, paid=True, since=0):
        """Have a permit renewed so many days ago."""
        permit_id, upstream = self.permits[name], Upstream(self.hub, self.today + timedelta(days=since))
        upstream.applied("permit.renew", name, permit_id=permit_id, years=1)
        if paid:
            payment = {"payment_reference": f"P-{permit_id}", "amount_cents": 4500}
            self.upstream.applied("permit.confirm_payment", name, permit_id=permit_id, **payment)

    def settle(self):
        """Fill the street."""
        for days in (-40, -20, -2, -1, 0, 1, 6, 7, 8, 29, 30, 31, 59, 60, 61, 62, 90, 130):
            self.ends_in(f"r-ends-{days}", days, since=min(days, 0))
        for name in ("none", "refused", "erased"):
            self.ends_in(f"r-{name}", 20)
        self.ends_in("r-unreached", 20, reached=False)
        self.upstream.applied("resident.choose_reminders", "r-none", channel="none")
        self.upstream.applied("resident.erase", "r-erased")
        self.evidence.query("UPDATE residents SET email_refused_at = now() WHERE resident_id = 'r-refused' RETURNING 1")
        to_pay = self.hub.tariffs.unpaid_lapses_after_days
        for days, since, paid in (
            (10, 0, True),
            (10, 0, False),
            (-2, 0, True),
            (-1, -9, True),
            (5, -to_pay - 3, False),
        ):
            name = f"r-renews-{days}-{since}-{paid}"
            self.ends_in(name, days, since=min(days, since))
            self.renews(name, paid=paid, since=since)
        for status in ("cancelled_by_resident", "ended"):
            self.ends_in(f"r-{status}", 15, status=status)
        self.twice_over("r-twice-over", -9, -1)
        self.twice_over("r-with-a-gap", 3, 20)
        for since in (-to_pay - 5, -to_pay - 1, -to_pay, 2 - to_pay, 5 - to_pay, 6 - to_pay, 0):
            self.asks(f"r-asks-{since}", since)
        self.asks("r-asks-unreached", reached=False)
        self.asks("r-cancels")
        self.upstream.applied("permit.cancel", "r-cancels", permit_id=self.permits["r-cancels"])

    def twice_over(self, name, first, last):
        """Take over a permit with two terms, a gap between them."""
        days = [(first - 300, first), (first + 3, last)]
        terms = [{"first_day": self.upstream.day(one), "last_day": self.upstream.day(other)} for one, other in days]
        self.ends_in(name, last, since=min(first, 0), terms=terms)


@pytest.fixture
def street(hub, upstream, evidence):
    return Street(hub, upstream, evidence)


def foretold(hub, day, today, limit=None):
    """Return what is foretold of a day: the counts, and each permit with its reason."""
    found = []
    foretell_day(hub, day, today, lambda counts, each: found.append((counts, list(each))), limit)
    ((counts, concerned),) = found
    return counts, concerned


def doings(evidence, hub, day):
    """Have the hub act on a day; return what it has done, and about which permits."""
    before = set(evidence.query(DONE))
    advance(hub, day)
    while decide(hub, day):
        pass
    new = set(evidence.query(DONE)) - before
    done = Counter(
        (Doing(what) if ahead is not None else TOLD[what], ahead, permit_id)
        for what, ahead, permit_id, *_ in new
        if what != "active"
    )
    lapsed = {permit_id for doing, _, permit_id in done if doing is Doing.LAPSE}
    ended = {permit_id for what, _, permit_id, *_ in new if what == "active"}
    return done + Counter((Doing.RENEWAL, None, permit_id) for permit_id in ended - lapsed)


def told_of(concerned):
    return Counter((one.what.doing, one.what.days_ahead, one.permit_id) for one in concerned)


def counted(done):
    counts = Counter()
    for (doing, ahead, _), count in done.items():
        counts[What(doing, ahead)] += count
    return counts


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
        db.execute(text("UPDATE terms SET noted = true"))

    with pytest.raises(InternalError, match="read-only transaction"):
        transact(hub.engine, write)
