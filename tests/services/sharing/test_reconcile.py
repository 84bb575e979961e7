"""Reconciliation: a provider's list against its confirmations; and reaffirming all since a moment."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from integrations.base import Limit, Page
from integrations.errors import FailureCode, UnclearError
from integrations.memory import PAGE, Applied, Fault, InMemory
from schemas.shared import SharedField
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.sharing.requested import request
from tests.services.upstream import Upstream
from tests.support.waiting import eventually_in_loop
from worker.db.engine import transact
from worker.db.sharing import reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.hub import Hub
from worker.services.clock.retention import purge
from worker.services.sharing.drain import Drain
from worker.services.sharing.invalidate import reaffirm
from worker.services.sharing.lane import Lane
from worker.services.sharing.reconcile import ATTEMPTS, FAILURES, reconcile

PROVIDER = "easypark"
CITY = "city"
SERVER_ERROR = UnclearError(PROVIDER, FailureCode.SERVER_ERROR, status=500)
BROKEN = Fault(SERVER_ERROR)


@pytest.fixture
def twin(twins: dict[str, InMemory]) -> InMemory:
    return twins[PROVIDER]


@pytest.fixture
def lane(quick: Hub, twin: InMemory) -> Lane:
    return lane_of(quick, twin)


@pytest.fixture
def drain(lane: Lane) -> Callable[[], bool]:
    return lambda: asyncio.run(Drain(lane, lane.hub.today).run())


@pytest.fixture
def ask(hub: Hub) -> Callable[[], UUID]:
    return lambda: request(hub, PROVIDER)


class Compare(Protocol):
    def __call__(self, way: Lane = ..., *, dry_run: bool = ...) -> Reconciliation: ...


@pytest.fixture
def compare(hub: Hub, lane: Lane) -> Compare:
    """Reconcile to the end; return the reconciliation."""

    def compare(way: Lane = lane, *, dry_run: bool = False) -> Reconciliation:
        run_id = request(hub, PROVIDER, dry_run=dry_run)
        while asyncio.run(reconcile(way)):
            pass
        return transact(hub.engine, lambda db: reconciliations.read(db, run_id))

    return compare


@pytest.fixture
def shared(upstream: Upstream, drain: Callable[[], bool], twin: InMemory) -> list[UUID]:
    """Make the provider hold three permits more than fit on a page; return their references."""
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(PAGE + 3)))
    drain()
    assert len(twin.held) == PAGE + 3
    return sorted(twin.held)


def test_correct_copies_are_left_alone(
    shared: list[UUID], compare: Compare, twin: InMemory, drain: Callable[[], bool]
) -> None:
    sent = len(twin.calls)
    run = compare()
    drain()
    assert (run.pages, run.copies, run.drift, run.code) == (2, PAGE + 3, 0, None)
    assert run.finished_at is not None
    assert len(twin.calls) == sent


def test_a_copy_changed_lost_or_added_at_the_provider_is_corrected(
    shared: list[UUID],
    compare: Compare,
    twin: InMemory,
    drain: Callable[[], bool],
    evidence: Evidence,
    hub: Hub,
    today: date,
) -> None:
    before = dict(twin.held)
    changed, lost, stranger = shared[0], shared[-1], uuid4()
    twin.held[changed] = {**twin.held[changed], SharedField.PLATE: "WRONG"}
    del twin.held[lost]
    twin.held[stranger] = before[changed]
    run = compare()
    assert (run.differing, run.missing, run.orphans) == (1, 1, 1)
    drain()
    assert twin.held == before
    assert evidence.pending() == evidence.pending()
    assert compare().drift == 0
    purge(hub, today)
    assert evidence.query("SELECT count(*) FROM reconciled_copies") == [(0,)]


def test_a_withdrawn_copy_that_is_listed_is_removed_again(
    shared: list[UUID], upstream: Upstream, compare: Compare, twin: InMemory, drain: Callable[[], bool]
) -> None:
    kept = {shared[0]: twin.held[shared[0]]}
    upstream.refuse()
    drain()
    assert not twin.held
    twin.held |= kept
    assert compare().differing == 1
    drain()
    assert not twin.held


def test_a_dry_run_counts_differences_and_changes_nothing(
    shared: list[UUID], compare: Compare, twin: InMemory, drain: Callable[[], bool], evidence: Evidence
) -> None:
    twin.held.pop(shared[0])
    before, stranger = evidence.query("SELECT * FROM shares ORDER BY reference"), uuid4()
    twin.held[stranger] = next(iter(twin.held.values()))
    run = compare(dry_run=True)
    assert (run.missing, run.orphans) == (1, 1)
    assert evidence.query("SELECT * FROM shares ORDER BY reference") == before


def test_a_share_leased_or_confirmed_meanwhile_is_not_compared(
    shared: list[UUID], upstream: Upstream, ask: Callable[[], UUID], lane: Lane, twin: InMemory, evidence: Evidence
) -> None:
    class Slow(InMemory):
        async def page(self, cursor: str | None) -> Page:
            page = await super().page(cursor)
            with evidence.database.connect() as connection:  # all were confirmed after the page was made
                connection.execute("UPDATE shares SET confirmed_at = clock_timestamp()")
                connection.execute("UPDATE shares SET lease_id = gen_random_uuid() WHERE reference = %s", [shared[1]])
            return page

    twin.held[shared[0]] = {**twin.held[shared[0]], SharedField.PLATE: "WRONG"}
    twin.held.pop(shared[1])
    twin.__class__ = Slow
    ask()
    asyncio.run(reconcile(lane))
    ((differing, missing),) = evidence.query("SELECT differing, missing FROM reconciliations")
    assert (differing, missing) == (0, 0)


def test_a_second_reconciliation_leaves_the_work_to_the_first(
    shared: list[UUID], ask: Callable[[], UUID], lane: Lane, hub: Hub
) -> None:
    ask()
    assert transact(hub.engine, partial(reconciliations.request, provider=PROVIDER, dry_run=False)) is None
    taken = transact(hub.engine, lambda db: reconciliations.take(db, PROVIDER, timedelta(seconds=15)))
    assert taken is not None
    assert asyncio.run(reconcile(lane)) is False
    assert transact(hub.engine, reconciliations.waiting) == []


def test_a_killed_workers_reconciliation_is_continued(
    shared: list[UUID], ask: Callable[[], UUID], lane: Lane, twin: InMemory, hub: Hub, evidence: Evidence
) -> None:
    class Dies(InMemory):
        async def page(self, cursor: str | None) -> Page:
            if cursor is not None:
                raise KeyboardInterrupt
            return await super().page(cursor)

    run_id = ask()
    twin.held.pop(shared[-1])
    twin.__class__ = Dies
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(reconcile(lane))
    twin.__class__ = InMemory
    with evidence.database.connect() as connection:
        connection.execute("UPDATE reconciliations SET lease_until = now()")
    assert transact(hub.engine, reconciliations.waiting) == [PROVIDER]
    asyncio.run(reconcile(lane))
    run = transact(hub.engine, lambda db: reconciliations.read(db, run_id))
    assert (run.pages, run.copies, run.missing) == (2, PAGE + 2, 1)


def test_a_failing_provider_is_retried_then_given_up(
    shared: list[UUID], ask: Callable[[], UUID], lane: Lane, twin: InMemory, hub: Hub, evidence: Evidence
) -> None:
    run_id = ask()
    twin.fail(BROKEN)
    asyncio.run(reconcile(lane))
    assert transact(hub.engine, lambda db: reconciliations.read(db, run_id)).finished_at is not None
    run_id = ask()
    twin.fail(BROKEN, count=ATTEMPTS * FAILURES)
    for _ in range(FAILURES):
        asyncio.run(reconcile(lane))
        with evidence.database.connect() as connection:
            connection.execute("UPDATE reconciliations SET lease_until = now() WHERE finished_at IS NULL")
    run = transact(hub.engine, lambda db: reconciliations.read(db, run_id))
    assert (run.code, run.finished_at is None, run.drift) == ("server_error", False, 0)


def test_a_page_that_was_read_ends_a_run_of_failures(
    shared: list[UUID], ask: Callable[[], UUID], lane: Lane, twin: InMemory, hub: Hub, evidence: Evidence
) -> None:
    class FailsAfterAPage(InMemory):
        async def page(self, cursor: str | None) -> Page:
            if cursor is not None:
                raise SERVER_ERROR
            return await super().page(cursor)

    run_id = ask()
    twin.fail(BROKEN, count=ATTEMPTS * (FAILURES - 1))
    for _ in range(FAILURES - 1):
        asyncio.run(reconcile(lane))
        with evidence.database.connect() as connection:
            connection.execute("UPDATE reconciliations SET lease_until = now() WHERE finished_at IS NULL")
    twin.__class__ = FailsAfterAPage
    asyncio.run(reconcile(lane))
    run = transact(hub.engine, lambda db: reconciliations.read(db, run_id))
    assert (run.pages, run.failures, run.finished_at) == (1, 1, None)


def test_pages_keep_to_the_rate_limit(shared: list[UUID], compare: Compare, quick: Hub, twin: InMemory) -> None:
    run = compare(lane_of(quick, twin, Limit(1_000, 1.0)))
    assert run.pages == 2


def test_a_new_provider_gets_existing_permits_by_its_first_reconciliation(
    upstream: Upstream, quick: Hub, hub: Hub, evidence: Evidence
) -> None:
    upstream.take_over(*(upstream.row() for _ in range(3)), upstream.row(status="cancelled_by_resident", terms=[]))
    needs = replace(hub.capabilities["city_hub"], batch=1)
    city = InMemory(CITY, needs)
    younger = replace(quick, capabilities={**quick.capabilities, CITY: needs})
    transact(hub.engine, lambda db: reconciliations.request(db, CITY, dry_run=False))
    asyncio.run(reconcile(lane_of(younger, city)))
    asyncio.run(Drain(lane_of(younger, city), hub.today).run())
    assert len(city.held) == 3


def test_reaffirming_sends_lost_copies_and_removes_restored_ones(
    shared: list[UUID], upstream: Upstream, drain: Callable[[], bool], twin: InMemory, hub: Hub, evidence: Evidence
) -> None:
    since = evidence.value("SELECT now()")
    forgotten = dict(twin.held)
    upstream.refuse()
    drain()
    upstream.allow(seen=2)
    kept = upstream.active("r-other")
    drain()
    before = dict(twin.held)
    removed = uuid4()
    twin.held.clear()
    twin.held |= {removed: next(iter(forgotten.values()))}
    with evidence.database.connect() as connection:
        connection.execute("UPDATE shares SET confirmed_at = now() - interval '1 hour' WHERE permit_id = %s", [kept])
    assert sum(reaffirm(hub, PROVIDER, since)) == len(before)
    drain()
    assert {reference: twin.held[reference] for reference in before} == before


def test_reaffirming_a_share_under_way_makes_its_confirmation_provisional(
    upstream: Upstream, lane: Lane, twin: InMemory, drain: Callable[[], bool], hub: Hub, evidence: Evidence
) -> None:
    upstream.active()
    upstream.allow()
    twin.fail(Fault(None, Applied.BEFORE))

    async def forget_meanwhile() -> None:
        draining = asyncio.create_task(Drain(lane, lane.hub.today).run())
        await eventually_in_loop(lambda: twin.calls)
        assert sum(reaffirm(hub, PROVIDER, evidence.value("SELECT now()"))) == 1
        await draining

    asyncio.run(forget_meanwhile())
    assert evidence.value("SELECT confirmed_hash IS NULL FROM shares WHERE provider = %s", PROVIDER)
