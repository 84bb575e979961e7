"""A card's validity is the period in which the resident may park, not the latest term."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from schemas.jobs import ConsentChoice
from schemas.space import Card, HeldState, Reminders
from worker.domain.consent import ConsentDecision
from worker.domain.permit import Permit, Term
from worker.domain.sharing import Share
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
def test_a_card_shows_todays_or_the_next_term_joined_with_those_that_follow(
    make_permit: Callable[..., Permit], tariffs: Tariffs, today: date, valid_from: date, valid_until: date
) -> None:
    card = _card(make_permit(terms=(BEFORE, FIRST, RENEWED)), today, tariffs)
    assert (card.valid_from, card.valid_until) == (valid_from, valid_until)


def test_a_card_without_a_term_shows_no_validity(make_permit: Callable[..., Permit], tariffs: Tariffs) -> None:
    card = _card(make_permit(terms=()), RENEWED.first_day, tariffs)
    assert (card.valid_from, card.valid_until) == (None, None)


DECIDED = datetime(2024, 9, 16, 8, 42, tzinfo=UTC)
HELD = Share(DECIDED, wanted_version=1, confirmed_version=1, holds=True, confirmed_at=DECIDED)
EMPTY = Share(DECIDED, wanted_version=2, confirmed_version=2, holds=False, confirmed_at=DECIDED)
SENDING = Share(DECIDED, wanted_version=1)
PARKED = replace(EMPTY, parked="plate_refused")
PARKED_BUT_NOT_YET_REMOVED = replace(PARKED, wanted_version=3, holds=None)


@pytest.mark.parametrize(
    ("shares", "allowed", "refused"),
    [
        ([], HeldState.NOTHING, HeldState.NOTHING),
        ([SENDING], HeldState.SENDING, HeldState.NOTHING),
        ([HELD], HeldState.HELD, HeldState.REMOVING),
        ([HELD, SENDING], HeldState.SENDING, HeldState.REMOVING),
        ([EMPTY], HeldState.REMOVED, HeldState.REMOVED),
        ([PARKED], HeldState.REFUSED, HeldState.REMOVED),
        ([PARKED, HELD], HeldState.HELD, HeldState.REMOVING),
        ([PARKED_BUT_NOT_YET_REMOVED], HeldState.HELD, HeldState.REMOVING),
    ],
)
def test_a_provider_shows_as_holding_nothing_only_when_that_is_certain(
    make_permit: Callable[..., Permit],
    tariffs: Tariffs,
    shares: list[Share],
    allowed: HeldState,
    refused: HeldState,
) -> None:
    for choice, expected in ((ConsentChoice.ALLOW, allowed), (ConsentChoice.REFUSE, refused)):
        space = make_space(
            resident_id="r-1",
            epoch=1,
            version=1,
            permits=[],
            ledger=[ConsentDecision(1, choice, frozenset({"easypark"}), DECIDED)],
            shares={"easypark": shares},
            reminders=Reminders(),
            public_task=(),
            today=RENEWED.first_day,
            tariffs=tariffs,
        )
        assert space.consent.providers[0].state is expected


def _card(permit: Permit, today: date, tariffs: Tariffs) -> Card:
    space = make_space(
        resident_id=permit.resident_id,
        epoch=1,
        version=1,
        permits=[permit],
        ledger=[],
        shares={},
        reminders=Reminders(),
        public_task=(),
        today=today,
        tariffs=tariffs,
    )
    return space.cards[0]
