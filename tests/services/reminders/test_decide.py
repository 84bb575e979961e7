"""Reminders are decided once: under two clocks, after downtime, over a changed schedule; for those who want them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from tests.services.upstream import ANNE, BOB
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.reminders.decide import decide as decide_a_slice

COUNT = text("SELECT count(*) FROM reminders")
CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}


def decide(hub: Hub, today: date) -> int:
    """Decide all that matters on a day; return how many reminders that were."""
    before = transact(hub.engine, lambda db: db.execute(COUNT).scalar_one())
    while decide_a_slice(hub, today):
        pass
    return transact(hub.engine, lambda db: db.execute(COUNT).scalar_one()) - before


@pytest.fixture
def ends_in(upstream):
    """Take over a permit that ends in so many days; return its id."""

    def ends_in(days, resident=ANNE, **fields):
        upstream.applied("resident.update_contact", resident, **CONTACT)
        row = upstream.row(resident, terms=[{"first_day": upstream.day(days - 364), "last_day": upstream.day(days)}])
        assert upstream.take_over(row | fields).rows[0].code is None
        return UUID(row["permit_id"])

    return ends_in


@pytest.fixture
def decided(evidence):
    """Return the offsets that were decided, in the order in which they were."""

    def decided(occasion="expiry"):
        rows = "SELECT days_ahead FROM reminders WHERE occasion = %s ORDER BY decided_at, days_ahead"
        return [days for (days,) in evidence.query(rows, occasion)]

    return decided


def test_a_reminder_is_decided_on_its_day_and_not_the_day_before(hub, today, ends_in, decided):
    ends_in(31)
    assert [decide(hub, today + timedelta(days=day)) for day in (0, 0, 1, 1)] == [1, 0, 1, 0]
    assert decided() == [60, 30]


def test_over_a_whole_year_each_offset_is_decided_once(hub, today, ends_in, decided):
    ends_in(90)
    for day in range(-5, 130):
        decide(hub, today + timedelta(days=day))
    assert decided() == [60, 30, 7, 0, -1]


def test_after_days_of_downtime_the_one_that_matters_now_is_decided_and_no_other(hub, today, ends_in, decided):
    ends_in(90)
    for day in (0, 88, 89, 95, 96):
        decide(hub, today + timedelta(days=day))
    assert decided() == [7, -1]


def test_many_clocks_decide_one(hub, today, ends_in, decided):
    ends_in(20)
    with ThreadPoolExecutor(6) as clocks:
        list(clocks.map(lambda _: decide(hub, today), range(12)))
    assert decided() == [30]


def test_a_clock_that_is_set_back_decides_nothing_anew(hub, today, ends_in, decided):
    ends_in(30)
    for day in (0, -1, -20, 0, 1):
        decide(hub, today + timedelta(days=day))
    assert decided() == [30]


def test_a_changed_schedule_decides_what_it_adds_once_and_nothing_that_is_behind(hub, today, ends_in, decided):
    ends_in(40)
    decide(hub, today)
    changed = replace(hub, settings=hub.settings.model_copy(update={"reminder_days": (45, 14, 0)}))
    for _ in range(2):
        decide(changed, today)
    assert decided() == [60, 45]
    decide(hub, today)
    assert decided() == [60, 45]


def test_a_permit_has_its_reminders_again_for_its_next_term(hub, upstream, today, ends_in, decided):
    permit_id = ends_in(7)
    decide(hub, today)
    renew(upstream, permit_id)
    assert decide(hub, today) == 0
    year = today + timedelta(days=365)
    assert decide(hub, year) == 1
    assert decided() == [7, 7]


def renew(upstream, permit_id, resident=ANNE):
    upstream.applied("permit.renew", resident, permit_id=permit_id, years=1)
    paid = {"payment_reference": f"P-{permit_id}", "amount_cents": 4500}
    upstream.applied("permit.confirm_payment", resident, permit_id=permit_id, **paid)


def test_a_permit_that_is_renewed_or_not_active_is_not_reminded_of(hub, upstream, today, ends_in):
    renew(upstream, ends_in(30))
    ends_in(30, status="ended")
    ends_in(30, status="cancelled_by_resident")
    assert decide(hub, today) == 0


def test_a_renewal_that_is_not_paid_is_still_a_permit_that_ends(hub, upstream, today, ends_in, decided):
    upstream.applied("permit.renew", permit_id=ends_in(20), years=1)
    assert decide(hub, today) == 1
    assert decided() == [30]


def test_a_resident_who_wants_none_cannot_be_reached_or_was_erased_is_left_alone(
    hub, upstream, evidence, today, ends_in
):
    for number in range(4):
        ends_in(30, f"r-{number}")
    upstream.applied("resident.choose_reminders", "r-0", channel="none")
    upstream.applied("resident.erase", "r-1")
    evidence.query("UPDATE residents SET email_refused_at = now() WHERE resident_id = 'r-2' RETURNING 1")
    evidence.query("UPDATE residents SET email = NULL WHERE resident_id = 'r-3' RETURNING 1")
    assert decide(hub, today) == 0
    upstream.applied("resident.choose_reminders", "r-0", channel="email")
    upstream.applied("resident.choose_reminders", "r-2", channel="email")
    upstream.applied("resident.update_contact", "r-3", **CONTACT)
    assert decide(hub, today) == 3


def test_a_permit_that_lapsed_long_before_it_was_taken_over_is_not_reminded_of(hub, today, ends_in, decided):
    ends_in(-40)
    ends_in(-20, BOB)
    assert decide(hub, today) == 1
    assert decided() == [-1]


def test_what_is_not_paid_is_reminded_of_once_some_days_before_it_lapses(hub, upstream, today, decided):
    upstream.applied("resident.update_contact", **CONTACT)
    permit_id = upstream.request()
    last = hub.tariffs.unpaid_lapses_after_days
    ahead = [decide(hub, today + timedelta(days=last - days)) for days in (6, 5, 4, 0, -1)]
    assert (ahead, decided("payment")) == ([0, 1, 0, 0, 0], [5])
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)


def test_what_was_paid_is_not_reminded_of(hub, upstream, today):
    upstream.applied("resident.update_contact", **CONTACT)
    permit_id = upstream.request()
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)
    assert decide(hub, today + timedelta(days=hub.tariffs.unpaid_lapses_after_days)) == 0


def test_the_database_refuses_a_second_decision(evidence, hub, today, ends_in):
    ends_in(30)
    decide(hub, today)
    again = "INSERT INTO reminders (permit_id, occasion, day, days_ahead) SELECT permit_id, occasion, day, days_ahead"
    with pytest.raises(Exception, match="reminders_decided_once"):
        evidence.query(f"{again} FROM reminders RETURNING 1")


def test_a_choice_is_shown_told_and_changed_back(upstream, evidence, ends_in):
    ends_in(30)
    for channel in ("none", "email"):
        upstream.applied("resident.choose_reminders", channel=channel)
        assert evidence.screen(ANNE).reminders.channel == channel
    assert [event.type for event in evidence.told(ANNE)][-2:] == ["resident.reminders_chosen"] * 2
