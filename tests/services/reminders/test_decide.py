"""Reminders are decided once: under two clocks, after downtime, over a changed schedule."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, BOB, Upstream, results
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.reminders.decide import decide as decide_a_slice

COUNT = text("SELECT count(*) FROM reminders")
CONTACT = {"name": "Élodie Exemple", "email": "elodie@example.fr", "language": "fr"}


def decide(hub: Hub, today: date) -> int:
    """Decide all reminders of a day; return how many."""
    before = transact(hub.engine, count)
    while decide_a_slice(hub, today):
        pass
    return transact(hub.engine, count) - before


def count(db: Connection) -> int:
    """Count all reminders."""
    found: int = db.execute(COUNT).scalar_one()
    return found


class EndsIn(Protocol):
    def __call__(self, days: int, resident: str = ..., **fields: object) -> UUID: ...


@pytest.fixture
def ends_in(upstream: Upstream) -> EndsIn:
    """Import a permit that ends in so many days; return its id."""

    def ends_in(days: int, resident: str = ANNE, **fields: object) -> UUID:
        upstream.applied("resident.update_contact", resident, **CONTACT)
        row = upstream.row(resident, terms=[{"first_day": upstream.day(days - 364), "last_day": upstream.day(days)}])
        assert results(upstream.take_over(row | fields))[0].code is None
        return UUID(row["permit_id"])

    return ends_in


class Decided(Protocol):
    def __call__(self, occasion: str = ...) -> list[int]: ...


@pytest.fixture
def decided(evidence: Evidence) -> Decided:
    """Return the decided offsets, in the order of deciding."""

    def decided(occasion: str = "expiry") -> list[int]:
        rows = "SELECT days_ahead FROM reminders WHERE occasion = %s ORDER BY decided_at, days_ahead"
        return [days for (days,) in evidence.query(rows, occasion)]

    return decided


def test_a_reminder_is_decided_on_its_day_and_not_before(
    hub: Hub, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    ends_in(31)
    assert [decide(hub, today + timedelta(days=day)) for day in (0, 0, 1, 1)] == [1, 0, 1, 0]
    assert decided() == [60, 30]


def test_over_a_whole_year_each_offset_is_decided_once(
    hub: Hub, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    ends_in(90)
    for day in range(-5, 130):
        decide(hub, today + timedelta(days=day))
    assert decided() == [60, 30, 7, 0, -1]


def test_after_days_of_downtime_only_the_reminder_that_matters_now_is_decided(
    hub: Hub, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    ends_in(90)
    for day in (0, 88, 89, 95, 96):
        decide(hub, today + timedelta(days=day))
    assert decided() == [7, -1]


def test_many_clocks_decide_a_reminder_once(hub: Hub, today: date, ends_in: EndsIn, decided: Decided) -> None:
    ends_in(20)
    with ThreadPoolExecutor(6) as clocks:
        list(clocks.map(lambda _: decide(hub, today), range(12)))
    assert decided() == [30]


def test_a_clock_set_back_decides_no_reminder_again(hub: Hub, today: date, ends_in: EndsIn, decided: Decided) -> None:
    ends_in(30)
    for day in (0, -1, -20, 0, 1):
        decide(hub, today + timedelta(days=day))
    assert decided() == [30]


def test_a_changed_schedule_decides_its_new_offsets_once_and_no_past_ones(
    hub: Hub, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    ends_in(40)
    decide(hub, today)
    changed = replace(hub, settings=hub.settings.model_copy(update={"reminder_days": (45, 14, 0)}))
    for _ in range(2):
        decide(changed, today)
    assert decided() == [60, 45]
    decide(hub, today)
    assert decided() == [60, 45]


def test_the_next_term_of_a_permit_has_its_own_reminders(
    hub: Hub, upstream: Upstream, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    permit_id = ends_in(7)
    decide(hub, today)
    renew(upstream, permit_id)
    assert decide(hub, today) == 0
    year = today + timedelta(days=365)
    assert decide(hub, year) == 1
    assert decided() == [7, 7]


def renew(upstream: Upstream, permit_id: UUID, resident: str = ANNE) -> None:
    upstream.applied("permit.renew", resident, permit_id=permit_id, years=1)
    paid = {"payment_reference": f"P-{permit_id}", "amount_cents": 4500}
    upstream.applied("permit.confirm_payment", resident, permit_id=permit_id, **paid)


def test_a_renewed_or_inactive_permit_has_no_reminder(
    hub: Hub, upstream: Upstream, today: date, ends_in: EndsIn
) -> None:
    renew(upstream, ends_in(30))
    ends_in(30, status="ended")
    ends_in(30, status="cancelled_by_resident")
    assert decide(hub, today) == 0


def test_a_permit_with_an_unpaid_renewal_still_has_an_expiry_reminder(
    hub: Hub, upstream: Upstream, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    upstream.applied("permit.renew", permit_id=ends_in(20), years=1)
    assert decide(hub, today) == 1
    assert decided() == [30]


def test_a_resident_without_reminders_without_address_or_erased_gets_none(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, ends_in: EndsIn
) -> None:
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


def test_a_permit_imported_long_after_its_lapse_has_no_reminder(
    hub: Hub, today: date, ends_in: EndsIn, decided: Decided
) -> None:
    ends_in(-40)
    ends_in(-20, BOB)
    assert decide(hub, today) == 1
    assert decided() == [-1]


def test_an_unpaid_change_has_one_reminder_days_before_it_lapses(
    hub: Hub, upstream: Upstream, today: date, decided: Decided
) -> None:
    upstream.applied("resident.update_contact", **CONTACT)
    permit_id = upstream.request()
    last = hub.tariffs.unpaid_lapses_after_days
    ahead = [decide(hub, today + timedelta(days=last - days)) for days in (6, 5, 4, 0, -1)]
    assert (ahead, decided("payment")) == ([0, 1, 0, 0, 0], [5])
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)


def test_a_paid_change_has_no_reminder(hub: Hub, upstream: Upstream, today: date) -> None:
    upstream.applied("resident.update_contact", **CONTACT)
    permit_id = upstream.request()
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)
    assert decide(hub, today + timedelta(days=hub.tariffs.unpaid_lapses_after_days)) == 0


def test_the_database_refuses_to_decide_a_reminder_twice(
    evidence: Evidence, hub: Hub, today: date, ends_in: EndsIn
) -> None:
    ends_in(30)
    decide(hub, today)
    again = "INSERT INTO reminders (permit_id, occasion, day, days_ahead) SELECT permit_id, occasion, day, days_ahead"
    with pytest.raises(Exception, match="reminders_decided_once"):
        evidence.query(f"{again} FROM reminders RETURNING 1")


def test_a_reminder_choice_is_shown_published_and_reversible(
    upstream: Upstream, evidence: Evidence, ends_in: EndsIn
) -> None:
    ends_in(30)
    for channel in ("none", "email"):
        upstream.applied("resident.choose_reminders", channel=channel)
        assert evidence.screen(ANNE).reminders.channel == channel
    assert [event.type for event in evidence.told(ANNE)][-2:] == ["resident.reminders_chosen"] * 2
