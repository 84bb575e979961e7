"""Who held a resident's data, and when, according to the log of disclosures: what is unknown reads as held."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from schemas.history import DecisionMade, History, PlateSince
from schemas.jobs import ConsentChoice
from worker.domain.history import Disclosed, Past, RecordedOutcome, holdings, make_history
from worker.domain.sharing import RequestOutcome

PERMIT = UUID(int=1)
EASYPARK, CITY, LEFT = "easypark", "city_hub", "a_provider_that_left"
START = datetime(2024, 9, 16, 8, tzinfo=UTC)
OLD, NEW = "AB-344-CD", "EF-367-QS"
CONFIRMED, ACCEPTED, UNCLEAR = RequestOutcome.CONFIRMED, RequestOutcome.ACCEPTED, RequestOutcome.UNCLEAR
LOST, NOT_SENT, REJECTED = RequestOutcome.LOST, RequestOutcome.NOT_SENT, RequestOutcome.REJECTED

Said = tuple[RequestOutcome, float]
Stretch = tuple[str | None, float, float | None, int | None]


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def put(second: float, *words: Said, decision: int | None = 1, provider: str = EASYPARK) -> Disclosed:
    said = tuple(RecordedOutcome(outcome, at(when)) for outcome, when in words)
    return Disclosed(PERMIT, provider, at(second), removal=False, consent_version=decision, outcomes=said)


def removal(second: float, *words: Said, decision: int | None = 2) -> Disclosed:
    said = tuple(RecordedOutcome(outcome, at(when)) for outcome, when in words)
    return Disclosed(PERMIT, EASYPARK, at(second), removal=True, consent_version=decision, outcomes=said)


def plates(*since: tuple[str, float]) -> list[PlateSince]:
    return [PlateSince(plate=plate, country="FR", since=at(second)) for plate, second in since]


ONE_PLATE = plates((OLD, -1))
TWO_PLATES = plates((OLD, -1), (NEW, 10))


def held(*disclosed: Disclosed, had: Sequence[PlateSince] = ONE_PLATE) -> list[Stretch]:
    """Return the holdings as plate, first and last second, and decision."""

    def second(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - START).total_seconds()

    found = holdings(PERMIT, disclosed, had, timedelta(0))
    return [(one.plate, second(one.since) or 0.0, second(one.until), one.consent_version) for one in found]


@pytest.mark.parametrize("outcome", [CONFIRMED, ACCEPTED, UNCLEAR, LOST, REJECTED])
def test_a_request_that_may_have_arrived_begins_a_holding(outcome: RequestOutcome) -> None:
    assert held(put(1, (outcome, 2))) == [(OLD, 1, None, 1)]


def test_a_request_under_way_begins_a_holding() -> None:
    assert held(put(1)) == [(OLD, 1, None, 1)]


def test_a_request_that_was_not_sent_begins_no_holding() -> None:
    assert held(put(1, (NOT_SENT, 2))) == []
    assert held(put(1, (UNCLEAR, 5), (NOT_SENT, 6))) == []  # its sender came late, but knows that it was not applied
    assert held(put(1, (NOT_SENT, 2)), put(3, (CONFIRMED, 4))) == [(OLD, 3, None, 1)]


def test_a_removal_without_a_put_makes_no_holding() -> None:
    assert held(removal(1, (CONFIRMED, 2))) == []
    assert held(put(1, (NOT_SENT, 2)), removal(3, (CONFIRMED, 4))) == []


def test_no_disclosure_makes_no_holding() -> None:
    assert held() == []


@pytest.mark.parametrize("outcome", [ACCEPTED, UNCLEAR, LOST, NOT_SENT])
def test_a_removal_ends_a_holding_only_when_it_is_confirmed(outcome: RequestOutcome) -> None:
    tried = [put(1, (CONFIRMED, 2)), removal(3, (outcome, 4))]
    assert held(*tried) == [(OLD, 1, None, 1)]
    assert held(*tried, removal(6, (CONFIRMED, 7)), removal(8, (CONFIRMED, 9))) == [(OLD, 1, 7, 1)]


def test_a_removal_acknowledged_later_ends_the_holding_at_that_time() -> None:
    assert held(put(1, (ACCEPTED, 2), (CONFIRMED, 4)), removal(5, (ACCEPTED, 6), (CONFIRMED, 9))) == [(OLD, 1, 9, 1)]


def test_allowing_again_after_a_withdrawal_begins_a_second_holding() -> None:
    disclosed = [put(1, (CONFIRMED, 2)), removal(3, (CONFIRMED, 4)), put(5, (CONFIRMED, 6), decision=3)]
    assert held(*disclosed) == [(OLD, 1, 4, 1), (OLD, 5, None, 3)]


def test_a_further_put_of_the_same_plate_extends_the_holding_under_its_latest_decision() -> None:
    assert held(put(1, (CONFIRMED, 2)), put(3, (CONFIRMED, 4), decision=5)) == [(OLD, 1, None, 5)]


def test_a_change_of_plate_begins_a_holding_when_sent_and_ends_the_other_when_confirmed() -> None:
    first = put(1, (CONFIRMED, 2))
    assert held(first, put(11, (CONFIRMED, 12)), had=TWO_PLATES) == [(OLD, 1, 12, 1), (NEW, 11, None, 1)]
    assert held(first, put(11, (UNCLEAR, 12)), had=TWO_PLATES) == [(OLD, 1, None, 1), (NEW, 11, None, 1)]
    assert held(first, put(11, (NOT_SENT, 12)), had=TWO_PLATES) == [(OLD, 1, None, 1)]


def test_a_removal_ends_every_holding() -> None:
    disclosed = [put(1, (CONFIRMED, 2)), put(11, (REJECTED, 12)), removal(13, (CONFIRMED, 14))]
    assert held(*disclosed, had=TWO_PLATES) == [(OLD, 1, 14, 1), (NEW, 11, 14, 1)]


def test_a_plate_that_returns_begins_a_new_holding() -> None:
    had = plates((OLD, -1), (NEW, 10), (OLD, 20))
    disclosed = [put(1, (CONFIRMED, 2)), put(11, (CONFIRMED, 12)), put(21, (CONFIRMED, 22))]
    assert held(*disclosed, had=had) == [(OLD, 1, 12, 1), (NEW, 11, 22, 1), (OLD, 21, None, 1)]


def test_a_deleted_plate_is_not_shown() -> None:
    assert held(put(1, (CONFIRMED, 2)), removal(3, (CONFIRMED, 4)), had=[]) == [(None, 1, 4, 1)]


def test_a_late_put_is_held_until_it_is_removed_again() -> None:
    late = put(1, (UNCLEAR, 3), (CONFIRMED, 6))  # its lease expired: the removal took the share over
    assert held(late, removal(3, (CONFIRMED, 4))) == [(OLD, 1, None, 1)]
    assert held(late, removal(3, (CONFIRMED, 4)), removal(7, (CONFIRMED, 8))) == [(OLD, 1, 8, 1)]


def test_a_late_put_known_to_be_unapplied_needs_no_second_removal() -> None:
    assert held(put(1, (UNCLEAR, 3), (REJECTED, 6)), removal(3, (CONFIRMED, 4))) == [(OLD, 1, 4, 1)]


def test_a_late_removal_ends_no_holding_that_began_after_it() -> None:
    late = removal(3, (UNCLEAR, 5), (CONFIRMED, 8))
    disclosed = [put(1, (CONFIRMED, 2)), late, put(5, (CONFIRMED, 6), decision=3)]
    assert held(*disclosed) == [(OLD, 1, None, 3)]


def history(
    *disclosed: Disclosed, decisions: Sequence[DecisionMade] = (), task: frozenset[str] = frozenset({CITY})
) -> History:
    past = Past(plates={PERMIT: ONE_PLATE}, payments={}, steps={}, decisions=decisions, disclosed=disclosed)
    return make_history(
        resident_id="r-1",
        version=7,
        permits=[],
        past=past,
        providers=[EASYPARK, CITY],
        settle=timedelta(0),
        holds={},
        public_task=task,
    )


def decided(version: int, choice: ConsentChoice) -> DecisionMade:
    return DecisionMade(
        version=version,
        choice=choice,
        providers=(EASYPARK,),
        text_version="1",
        source="tests",
        decided_at=START,
        recorded_at=START,
    )


def recipients(found: History) -> list[tuple[str, bool, list[int | None]]]:
    return [
        (one.provider, one.public_task, [holding.consent_version for holding in one.holdings])
        for one in found.recipients
    ]


def test_recipients_are_the_installations_providers_then_former_ones_that_held_data() -> None:
    allowed = decided(1, ConsentChoice.ALLOW)
    sent = [put(1, provider=LEFT), put(2, provider=EASYPARK), put(3, (NOT_SENT, 4), provider="never")]
    found = recipients(history(*sent, decisions=[allowed]))
    assert found == [(EASYPARK, False, [1]), (CITY, True, []), (LEFT, False, [1])]


def test_a_public_task_holding_names_no_decision_even_if_a_refusal_names_the_provider() -> None:
    refused = decided(4, ConsentChoice.REFUSE)
    sent = [put(1, provider=CITY, decision=4), put(2, provider=LEFT, decision=4)]
    found = recipients(history(*sent, decisions=[refused]))
    assert found == [(EASYPARK, False, []), (CITY, True, [None]), (LEFT, True, [None])]
