"""Which reminder matters on a day: one at most, none that is past, and none before the resident can act."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.channels.base import Notice, Occasion, Unpaid
from schemas.jobs import Language
from worker.domain.pending import Address, NewAddress, NewTerm
from worker.domain.permit import Permit, Status
from worker.domain.plates import parse
from worker.domain.reminders import (
    LAPSED_DAYS,
    Contact,
    Dropped,
    Reminder,
    Schedule,
    again_in,
    offset_for,
    prepare,
    spans,
    starts_on,
    windows,
)
from worker.domain.tariffs import Tariffs
from worker.domain.terms import Term

USUAL = Schedule(expiry=(60, 30, 7, 0, -1), payment=(5,))
LAST = date(2027, 6, 30)
PERMIT_ID = UUID(int=1)
ADDRESS = Address("75114_1834_00010", "10 rue de l'Exemple, 75014 Paris")
ANNE = Contact("email", "Élodie Exemple", "elodie@example.fr", Language.FR)

OFFSETS = st.sets(st.integers(-40, 90), max_size=6).map(tuple)
DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))


def permit(status: Status = Status.ACTIVE, last: date = LAST, pending: NewTerm | NewAddress | None = None) -> Permit:
    terms = () if status is Status.AWAITING_PAYMENT else (Term(last - timedelta(days=364), last),)
    return Permit(
        permit_id=PERMIT_ID,
        resident_id="r-1",
        status=status,
        requested_on=date(2026, 1, 1),
        profile="standard",
        plate=parse("ef367qs", "FR"),
        address=ADDRESS,
        zones=("14A",),
        terms=terms,
        pending=pending,
    )


def reminder(occasion: Occasion = Occasion.EXPIRY, day: date = LAST, days_ahead: int = 30) -> Reminder:
    return Reminder(UUID(int=2), UUID(int=3), PERMIT_ID, occasion, day, days_ahead)


def prepared(
    one: Reminder, held: Permit | None, today: date, contact: Contact = ANNE, schedule: Schedule = USUAL
) -> Any:
    return prepare(one, held, contact, today, schedule)


@pytest.mark.parametrize(
    ("days_left", "offset"),
    [
        (61, None),
        (60, 60),
        (31, 60),
        (30, 30),
        (8, 30),
        (7, 7),
        (1, 7),
        (0, 0),
        (-1, -1),
        (-1 - LAPSED_DAYS, -1),
        (-2 - LAPSED_DAYS, None),
    ],
)
def test_the_smallest_offset_that_has_begun_is_the_one_that_matters(days_left: int, offset: int | None) -> None:
    assert offset_for(days_left, USUAL.expiry) == offset


def test_without_a_reminder_on_the_last_day_the_previous_one_matters_until_then() -> None:
    assert [offset_for(days, (60, 7)) for days in (7, 0, -1)] == [7, 7, None]
    assert [offset_for(days, (60,)) for days in (60, 1, 0, -1)] == [60, 60, 60, None]


def test_long_after_a_lapse_there_is_no_reminder_even_if_a_later_offset_exists() -> None:
    assert [offset_for(days, (-1, -100)) for days in (-1, -31, -32, -99, -100, -130, -131)] == [
        -1, -1, None, None, -100, -100, None,
    ]  # fmt: skip


def test_a_reminder_of_an_earlier_schedule_is_sent_unless_a_nearer_one_matters() -> None:
    today = LAST - timedelta(days=40)
    assert isinstance(prepared(reminder(days_ahead=45), permit(), today), Notice)
    assert prepared(reminder(days_ahead=60), permit(), today, schedule=Schedule((45,), ())) is Dropped.SUPERSEDED


def test_two_reminders_after_a_lapse_follow_one_another() -> None:
    assert [offset_for(days, (0, -1, -15)) for days in (0, -1, -14, -15, -45, -46)] == [0, -1, -1, -15, -15, None]


@given(OFFSETS)
def test_on_each_day_one_reminder_matters_at_most(offsets: tuple[int, ...]) -> None:
    days = [days for _, least, most in spans(offsets) for days in range(least, most + 1)]
    assert len(days) == len(set(days))


@given(OFFSETS, st.integers(-60, 90))
def test_reminders_come_in_the_order_of_their_offsets(offsets: tuple[int, ...], days_left: int) -> None:
    now, later = offset_for(days_left, offsets), offset_for(days_left - 1, offsets)
    assert now is None or later is None or later <= now


@given(DAYS, OFFSETS, st.integers(-45, 100))
def test_a_day_is_in_the_window_of_the_offset_that_matters_and_in_no_other(
    tariffs: Tariffs, today: date, offsets: tuple[int, ...], days_left: int
) -> None:
    day = today + timedelta(days=days_left)
    found = [one.days_ahead for one in windows(today, Schedule((), offsets), tariffs) if one.first <= day <= one.last]
    matters = offset_for(days_left, offsets)
    assert found == ([] if matters is None else [matters])


@given(DAYS, st.integers(0, 366))
@example(today=date(2027, 2, 28), days_left=60)  # the renewal of terms that end on 28, 29 or 30 April opens on this day
def test_no_expiry_reminder_comes_before_renewal_opens(tariffs: Tariffs, today: date, days_left: int) -> None:
    day = today + timedelta(days=days_left)
    told = [one for one in windows(today, USUAL, tariffs) if one.first <= day <= one.last]
    open_ = permit(last=day).renewal_open(today, tariffs)
    assert bool(told) == (open_ and days_left <= 60)


def test_the_first_reminder_of_a_term_ending_on_30_march_waits_for_renewal_to_open(tariffs: Tariffs) -> None:
    assert starts_on(Occasion.EXPIRY, date(2027, 3, 30), 60, tariffs) == date(2027, 1, 30)
    assert starts_on(Occasion.EXPIRY, date(2027, 3, 30), 30, tariffs) == date(2027, 2, 28)
    assert starts_on(Occasion.PAYMENT, date(2027, 3, 30), 60, tariffs) == date(2027, 1, 29)


def test_a_reminder_is_written_from_the_truth_when_it_is_sent() -> None:
    notice = prepared(reminder(), permit(), LAST - timedelta(days=12))
    assert isinstance(notice, Notice)
    assert (notice.name, notice.address, notice.language) == ("Élodie Exemple", "elodie@example.fr", Language.FR)
    assert (notice.last_day, notice.days_left, notice.plate, notice.bill) == (LAST, 12, "EF-367-QS", None)
    assert (notice.reminder_id, notice.token) == (UUID(int=2), UUID(int=3))


def test_an_expiry_reminder_names_an_unpaid_renewal_and_no_other_bill() -> None:
    today, pay_by = LAST - timedelta(days=12), LAST - timedelta(days=2)
    renewal = prepared(reminder(), permit(pending=NewTerm(1, 4500, pay_by)), today)
    assert (renewal.bill.unpaid, renewal.bill.cents, renewal.bill.pay_by) == (Unpaid.RENEWAL, 4500, pay_by)
    assert prepared(reminder(), permit(pending=NewAddress(ADDRESS, ("14A",), 1000, pay_by)), today).bill is None


@pytest.mark.parametrize(
    ("status", "pending", "unpaid"),
    [
        (Status.AWAITING_PAYMENT, NewTerm(1, 4500, LAST), Unpaid.REQUEST),
        (Status.ACTIVE, NewTerm(1, 4500, LAST), Unpaid.RENEWAL),
        (Status.ACTIVE, NewAddress(ADDRESS, ("14A",), 1000, LAST), Unpaid.ADDRESS),
    ],
)
def test_a_payment_reminder_names_the_bill(status: Status, pending: NewTerm | NewAddress, unpaid: Unpaid) -> None:
    notice = prepared(reminder(Occasion.PAYMENT, days_ahead=5), permit(status, pending=pending), LAST)
    assert (notice.bill.unpaid, notice.bill.cents, notice.days_left) == (unpaid, pending.price_cents, 0)


RENEWED = permit(last=LAST + timedelta(days=365))


@pytest.mark.parametrize(
    ("one", "held", "why"),
    [
        (reminder(), None, Dropped.SETTLED),
        (reminder(), RENEWED, Dropped.SETTLED),
        (reminder(), permit(Status.ENDED), Dropped.SETTLED),
        (reminder(Occasion.PAYMENT, days_ahead=5), permit(), Dropped.SETTLED),
        (reminder(Occasion.PAYMENT, days_ahead=5), permit(Status.CANCELLED_BY_RESIDENT), Dropped.SETTLED),
        (reminder(days_ahead=60), permit(), Dropped.SUPERSEDED),
        (reminder(days_ahead=7), permit(), Dropped.EARLY),
        (reminder(days_ahead=45), permit(), Dropped.SUPERSEDED),
    ],
)
def test_a_reminder_that_no_longer_matters_is_not_sent(one: Reminder, held: Permit | None, why: Dropped) -> None:
    assert prepared(one, held, LAST - timedelta(days=12)) is why


def test_a_payment_that_is_too_late_has_no_reminder() -> None:
    unpaid = permit(Status.AWAITING_PAYMENT, pending=NewTerm(1, 4500, LAST))
    assert prepared(reminder(Occasion.PAYMENT, days_ahead=5), unpaid, LAST + timedelta(days=1)) is Dropped.SETTLED


@pytest.mark.parametrize(
    ("contact", "why"),
    [
        (Contact(None, "Élodie Exemple", "elodie@example.fr"), Dropped.NOT_WANTED),
        (Contact("email"), Dropped.NO_ADDRESS),
        (
            Contact("email", "Élodie Exemple", "elodie@example.fr", None, datetime(2026, 1, 1, tzinfo=UTC)),
            Dropped.NO_ADDRESS,
        ),
    ],
)
def test_a_resident_who_wants_no_reminders_or_has_no_address_gets_none(contact: Contact, why: Dropped) -> None:
    assert prepared(reminder(), permit(), LAST - timedelta(days=12), contact) is why


def test_a_resident_without_a_language_gets_french() -> None:
    contact = Contact("email", "Élodie Exemple", "elodie@example.fr")
    assert prepared(reminder(), permit(), LAST - timedelta(days=12), contact).language is Language.FR


def test_the_repr_of_a_contact_shows_no_personal_data() -> None:
    assert "example" not in repr(ANNE)
    assert "Élodie" not in repr(prepared(reminder(), permit(), LAST - timedelta(days=12)))


def test_a_temporary_refusal_is_retried_after_a_minute_then_up_to_an_hour_later() -> None:
    waits = [again_in(failures, 1.0).total_seconds() for failures in range(10)]
    assert waits[0] == 60
    assert waits == sorted(waits)
    assert waits[-1] == 3600
    assert again_in(3, 0.0) < again_in(3, 1.0)
