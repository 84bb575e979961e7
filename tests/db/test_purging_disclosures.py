"""Old disclosures go, and what is held now, or was held lately, reads as before."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from tests.conftest import Database
from worker.db.clock import retention
from worker.db.engine import transact
from worker.domain.history import Disclosed, RecordedOutcome, holdings
from worker.domain.sharing import RequestOutcome

DAY = timedelta(days=1)
SETTLE = timedelta(minutes=1)
BEFORE = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - DAY * 400
INSERT = """
    INSERT INTO disclosures (disclosure_id, permit_id, provider, fields_hash, consent_version, recorded_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
INSERT_OUTCOME = "INSERT INTO disclosure_outcomes (disclosure_id, outcome, recorded_at) VALUES (%s, %s, %s)"
STORED = """
    SELECT d.permit_id, d.provider, d.recorded_at, d.fields_hash = '' AS removal, d.consent_version,
        ARRAY(SELECT o.outcome FROM disclosure_outcomes o WHERE o.disclosure_id = d.disclosure_id
            ORDER BY o.recorded_at, o.outcome),
        ARRAY(SELECT o.recorded_at FROM disclosure_outcomes o WHERE o.disclosure_id = d.disclosure_id
            ORDER BY o.recorded_at, o.outcome)
    FROM disclosures d ORDER BY d.recorded_at
"""

Log = dict[tuple[UUID, str], list[Disclosed]]
Disclose = Callable[..., None]
Stored = Callable[[], Log]
Purge = Callable[..., int]


@pytest.fixture
def disclose(database: Database) -> Disclose:
    def disclose(*disclosed: Disclosed) -> None:
        with database.connect() as db, db.transaction():
            for one in disclosed:
                name = uuid4()
                fields = b"" if one.removal else b"fields"
                db.execute(INSERT, [name, one.permit_id, one.provider, fields, one.consent_version, one.at])
                for word in one.outcomes:
                    db.execute(INSERT_OUTCOME, [name, word.outcome.value, word.at])

    return disclose


@pytest.fixture
def stored(database: Database) -> Stored:
    def stored() -> Log:
        found: Log = defaultdict(list)
        with database.connect() as db:
            for permit_id, provider, at, removal, version, outcomes, moments in db.execute(STORED):
                said = tuple(
                    RecordedOutcome(RequestOutcome(one), moment) for one, moment in zip(outcomes, moments, strict=True)
                )
                found[permit_id, provider].append(Disclosed(permit_id, provider, at, removal, version, said))
        return found

    return stored


@pytest.fixture
def purge(engine: Engine) -> Purge:
    def purge(most: int = 1_000, before: datetime = BEFORE) -> int:
        return transact(engine, lambda db: retention.purge_disclosures(db, before, SETTLE, most))

    return purge


def put(
    at: datetime, *words: RecordedOutcome, permit: UUID, removal: bool = False, provider: str = "easypark"
) -> Disclosed:
    return Disclosed(permit, provider, at, removal, None if removal else 1, words)


def confirmed(at: datetime) -> RecordedOutcome:
    return RecordedOutcome(RequestOutcome.CONFIRMED, at + timedelta(seconds=1))


def held_and_removed(permit: UUID, at: datetime, provider: str = "easypark") -> tuple[Disclosed, Disclosed]:
    gone = at + DAY
    return (
        put(at, confirmed(at), permit=permit, provider=provider),
        put(gone, confirmed(gone), permit=permit, provider=provider, removal=True),
    )


def test_what_was_held_and_removed_long_ago_is_purged_but_for_the_latest(
    disclose: Disclose, stored: Stored, purge: Purge
) -> None:
    permit, at = uuid4(), BEFORE - DAY * 9
    disclose(*held_and_removed(permit, at), *held_and_removed(permit, at + DAY * 3))
    assert purge() == 3
    ((latest,),) = stored().values()
    assert latest.removal
    assert purge() == 0


def test_each_provider_keeps_its_own_latest(disclose: Disclose, stored: Stored, purge: Purge) -> None:
    permit, at = uuid4(), BEFORE - DAY * 9
    disclose(*held_and_removed(permit, at), *held_and_removed(permit, at, provider="flowbird"))
    assert purge() == 2
    assert {provider for _, provider in stored()} == {"easypark", "flowbird"}


@pytest.mark.parametrize("ended", [BEFORE - timedelta(seconds=1), BEFORE], ids=["before", "at"])
def test_a_removal_counts_from_its_confirmation(
    disclose: Disclose, stored: Stored, purge: Purge, ended: datetime
) -> None:
    permit = uuid4()
    disclose(
        put(BEFORE - DAY * 9, confirmed(BEFORE - DAY * 9), permit=permit),
        put(BEFORE - DAY, RecordedOutcome(RequestOutcome.CONFIRMED, ended), permit=permit, removal=True),
    )
    assert purge() == int(ended < BEFORE)


def test_what_is_held_to_this_day_is_kept_from_its_beginning(disclose: Disclose, stored: Stored, purge: Purge) -> None:
    permit, at = uuid4(), BEFORE - DAY * 900
    disclose(*(put(at + DAY * days, confirmed(at + DAY * days), permit=permit) for days in (0, 300, 600)))
    assert purge() == 0


def test_what_surely_never_left_is_purged_also_while_the_provider_holds(
    disclose: Disclose, stored: Stored, purge: Purge
) -> None:
    permit, at = uuid4(), BEFORE - DAY * 900
    never = RecordedOutcome(RequestOutcome.NOT_SENT, at + DAY * 2)
    disclose(put(at, confirmed(at), permit=permit), put(at + DAY, never, permit=permit))
    disclose(put(at + DAY * 3, confirmed(at + DAY * 3), permit=permit))
    assert purge() == 1
    assert [len(kept) for kept in stored().values()] == [2]


def test_a_removal_that_a_stray_put_may_have_undone_ends_nothing(disclose: Disclose, purge: Purge) -> None:
    permit, at = uuid4(), BEFORE - DAY * 9
    stray = RecordedOutcome(RequestOutcome.UNCLEAR, at + timedelta(seconds=5))
    removed = at + timedelta(seconds=30)  # the stray may arrive for a minute
    disclose(put(at, stray, permit=permit), put(removed, confirmed(removed), permit=permit, removal=True))
    assert purge() == 0
    removed += timedelta(minutes=2)
    disclose(put(removed, confirmed(removed), permit=permit, removal=True))
    assert purge() == 2


def test_the_walk_goes_on_where_it_was_and_begins_anew_at_the_end(disclose: Disclose, purge: Purge) -> None:
    for _ in range(5):
        disclose(*held_and_removed(uuid4(), BEFORE - DAY * 9))
    assert [purge(most=2) for _ in range(6)] == [1, 1, 1, 1, 1, 0]
    disclose(*held_and_removed(UUID(int=1), BEFORE - DAY * 9))
    assert purge(most=2) == 1


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_what_is_held_or_was_lately_reads_as_before(
    disclose: Disclose, stored: Stored, purge: Purge, seed: int
) -> None:
    random = Random(seed)
    disclose(*(one for _ in range(100) for one in _any_log(random, uuid4())))
    before = stored()
    purged = 0
    for most in (7, 20, 10, 50, 100, 200, 400):  # more than once around, and never a permit's at a time
        purged += purge(most)
        _read_the_same(before, stored())
    assert purged > 100


def _any_log(random: Random, permit: UUID) -> Iterator[Disclosed]:
    at = BEFORE - DAY * random.randint(0, 30)
    for _ in range(random.randint(1, 9)):
        at += random.choice([timedelta(seconds=20), timedelta(minutes=5), DAY * 3])
        outcomes = random.choice(
            [
                [RequestOutcome.CONFIRMED],
                [RequestOutcome.CONFIRMED],
                [RequestOutcome.UNCLEAR],
                [RequestOutcome.UNCLEAR, RequestOutcome.CONFIRMED],
                [RequestOutcome.NOT_SENT],
                [RequestOutcome.REJECTED],
                [RequestOutcome.LOST],
                [],
            ]
        )
        seconds = random.choice([1, 25, 4_000])
        words = [
            RecordedOutcome(one, at + timedelta(seconds=seconds * (after + 1))) for after, one in enumerate(outcomes)
        ]
        removal = random.random() < 0.5
        yield Disclosed(permit, "easypark", at, removal, None if removal else random.randint(1, 3), tuple(words))


def _read_the_same(before: Log, after: Log) -> None:
    for pair, disclosed in before.items():
        assert _lately(pair[0], after[pair]) == _lately(pair[0], disclosed)
        assert after[pair][-1] == disclosed[-1]


def _lately(permit: UUID, disclosed: Sequence[Disclosed]) -> list[object]:
    found = holdings(permit, disclosed, (), SETTLE)
    return [one for one in found if one.until is None or one.until >= BEFORE]
