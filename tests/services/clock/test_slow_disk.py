"""Rows that take far longer than usual: changes to many of them go in slices, and finished slices stay done."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from itertools import pairwise

import pytest

from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.support.waiting import eventually
from worker.db.engine import transact
from worker.db.sharing import providers, reconciliations
from worker.db.sharing.dead_letters import Choice
from worker.db.slices import AIM_SECONDS, FIRST, Slices
from worker.hub import Hub
from worker.services.clock import retention
from worker.services.sharing import correct, dead_letters, invalidate, release

PROVIDER = "easypark"
BeSlow = Callable[[str, str], None]
ROWS = 120  # all at once, a statement of 1.8 s: longer than is allowed
SLOW = """
    CREATE OR REPLACE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(0.015); RETURN coalesce(NEW, OLD); END $$;
    CREATE TRIGGER be_slow BEFORE UPDATE OR DELETE ON {} FOR EACH ROW EXECUTE FUNCTION be_slow();
"""
FAST = "DROP TRIGGER be_slow ON {}"
SHARES = """
    INSERT INTO shares (permit_id, provider, wanted_version, confirmed_version, confirmed_hash, holds, confirmed_at,
        urgency, due_at, claimed_version, failures, failing_since, failed_at, parked)
    SELECT gen_random_uuid(), 'easypark', {wanted}, 1, 'known', {holds}, now(), 2, now() + interval '1 hour', 1,
        {failures}, now(), now(), {parked} FROM generate_series(1, 120)
"""
COPIES = """
    WITH ended AS (
        INSERT INTO reconciliations (provider, dry_run, finished_at) VALUES ('easypark', false, now())
        RETURNING reconciliation_id)
    INSERT INTO reconciled_copies SELECT reconciliation_id, gen_random_uuid() FROM ended, generate_series(1, 120)
"""


def shares_with(*, wanted: int, failures: int, parked: str, holds: bool = True) -> str:
    """Return the statement that makes such shares."""
    return SHARES.format(wanted=wanted, failures=failures, parked=parked, holds=holds)


@pytest.fixture
def slow(database: Database) -> Iterator[BeSlow]:
    """Make every change of a table's rows slow, after some are made."""
    made: list[str] = []

    def slow(table: str, rows: str) -> None:
        with database.connect() as connection:
            connection.execute(rows)
            connection.execute(SLOW.format(table))
        made.append(table)

    yield slow
    with database.connect() as connection:
        for table in made:
            connection.execute(FAST.format(table))


def too_large(monkeypatch: pytest.MonkeyPatch, slices: Slices) -> Slices:
    """Start a kind of change as if all had been fast until now."""
    monkeypatch.setattr(slices, "size", slices.most)
    return slices


def test_shares_held_back_by_a_breaker_are_released_in_slices(
    slow: BeSlow, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large(monkeypatch, release.SLICES)
    slow("shares", shares_with(wanted=2, failures=1, parked="NULL"))
    transact(hub.engine, lambda db: providers.open_breaker(db, PROVIDER, timedelta(0)))
    transact(hub.engine, lambda db: providers.close_breaker(db, PROVIDER))
    eventually(lambda: not release.release_next(hub, PROVIDER))
    assert evidence.value("SELECT count(*) FROM shares WHERE due_at > now()") == 0
    assert release.SLICES.size * 0.015 < 4 * AIM_SECONDS


def test_confirmations_are_invalidated_in_slices(
    slow: BeSlow, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large(monkeypatch, invalidate.SLICES)
    slow("shares", shares_with(wanted=1, failures=0, parked="NULL"))
    since = evidence.value("SELECT now() - interval '1 hour'")
    assert sum(invalidate.reaffirm(hub, PROVIDER, since)) == ROWS
    assert evidence.value("SELECT count(*) FROM shares WHERE confirmed_hash IS NULL") == ROWS


def test_dead_letters_are_retried_in_slices(
    slow: BeSlow, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large(monkeypatch, dead_letters.RETRIED)
    slow("shares", shares_with(wanted=1, failures=0, parked="'zone_unknown'"))
    assert sum(dead_letters.retry(hub, Choice())) == ROWS
    assert evidence.value("SELECT count(*) FROM shares WHERE parked IS NULL") == ROWS


def test_dead_letters_are_discarded_in_slices(
    slow: BeSlow, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large(monkeypatch, dead_letters.DISCARDED)
    slow("shares", shares_with(wanted=1, failures=0, parked="'zone_unknown'", holds=False))
    assert sum(dead_letters.discard(hub, Choice())) == ROWS
    assert evidence.value("SELECT count(*) FROM shares WHERE parked IS NULL") == ROWS


def test_a_finished_reconciliations_copies_are_deleted_in_slices(
    slow: BeSlow, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch, today: date
) -> None:
    too_large(monkeypatch, retention._SLICES[retention.COPIES])
    slow("reconciled_copies", COPIES)
    transact(hub.engine, lambda db: reconciliations.request(db, "flowbird", dry_run=False))
    evidence.query(
        "INSERT INTO reconciled_copies SELECT reconciliation_id, gen_random_uuid() FROM reconciliations"
        " WHERE finished_at IS NULL RETURNING 1"
    )
    retention.purge(hub, today)
    assert evidence.value("SELECT count(*) FROM reconciled_copies") == 1  # that of the reconciliation under way


def test_missing_copies_are_found_in_slices(
    slow: BeSlow, hub: Hub, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large(monkeypatch, correct.MISSING)
    slow("shares", shares_with(wanted=1, failures=0, parked="NULL"))
    transact(hub.engine, lambda db: reconciliations.request(db, PROVIDER, dry_run=False))
    run = transact(hub.engine, lambda db: reconciliations.take(db, PROVIDER, timedelta(minutes=5)))
    assert run is not None
    while correct.find_missing(hub, run, timedelta(minutes=5)):
        run = transact(hub.engine, partial(reconciliations.read, reconciliation_id=run.reconciliation_id))
    assert evidence.value("SELECT count(*) FROM shares WHERE confirmed_hash IS NULL") == ROWS


def test_a_slice_grows_while_quick_up_to_its_maximum(hub: Hub) -> None:
    slices = Slices(most=1_000)
    sizes: list[int] = []

    def take() -> int:
        sizes.append(slices.take(hub.engine, lambda _, size: size, lambda: None))
        return sizes[-1]

    eventually(take, equals=1_000)
    assert sizes[0] == FIRST
    assert all(after <= 2 * before for before, after in pairwise(sizes))
    assert slices.take(hub.engine, lambda _, size: size, lambda: None) <= 1_000
