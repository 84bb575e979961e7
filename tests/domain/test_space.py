"""What a card says of a permit's validity: the period in which one may park, not the latest term."""

from collections.abc import Callable
from datetime import date

import pytest

from schemas.space import Card
from worker.domain.permit import Permit, Term
from worker.domain.space import make_space
from worker.domain.tariffs import Tariffs

BEFORE = Term(date(2020, 9, 16), date(2021, 9, 16))
FIRST = Term(date(2023, 9, 17), date(2024, 9, 16))
RENEWED = Term(date(2024, 9, 17), date(2025, 9, 16))


@pytest.mark.parametrize(
    ("today", "valid_from", "valid_until"),
    [
        (date(2021, 9, 16), BEFORE.first_day, BEFORE.last_day),
        (date(2023, 1, 1), FIRST.first_day, RENEWED.last_day),
        (date(2024, 8, 1), FIRST.first_day, RENEWED.last_day),
        (date(2024, 9, 17), RENEWED.first_day, RENEWED.last_day),
        (date(2025, 9, 17), RENEWED.first_day, RENEWED.last_day),
    ],
    ids=["in a term before a gap", "in the gap", "renewed early", "in the renewed term", "when all are over"],
)
def test_a_card_shows_todays_term_or_the_next_with_what_follows_without_a_gap(
    make_permit: Callable[..., Permit], tariffs: Tariffs, today: date, valid_from: date, valid_until: date
) -> None:
    card = _card(make_permit(terms=(BEFORE, FIRST, RENEWED)), today, tariffs)
    assert (card.valid_from, card.valid_until) == (valid_from, valid_until)


def test_a_card_without_a_term_shows_no_validity(make_permit: Callable[..., Permit], tariffs: Tariffs) -> None:
    card = _card(make_permit(terms=()), RENEWED.first_day, tariffs)
    assert (card.valid_from, card.valid_until) == (None, None)


def _card(permit: Permit, today: date, tariffs: Tariffs) -> Card:
    space = make_space(
        resident_id=permit.resident_id,
        epoch=1,
        version=1,
        permits=[permit],
        ledger=[],
        shares={},
        public_task=(),
        today=today,
        tariffs=tariffs,
    )
    return space.cards[0]
