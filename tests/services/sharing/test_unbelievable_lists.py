"""Lists that cannot be the hub's data; and a provider whose copies are in another store than before."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

import pytest

from integrations.base import Adapter, Page
from integrations.memory import Held, InMemory
from schemas.shared import Copy
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.sharing.requested import request
from tests.services.upstream import Upstream
from worker.db import status
from worker.db.engine import transact
from worker.db.sharing import reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.hub import Hub
from worker.services.sharing.believable import MOST_FOREIGN, REPEATED_MARGIN
from worker.services.sharing.drain import Drain
from worker.services.sharing.reconcile import reconcile

PROVIDER = "easypark"
City = tuple[InMemory, Callable[[], UUID]]
CITY = "city_hub"
EVENTS = "SELECT type FROM provider_events WHERE provider = %s ORDER BY sequence"
FAILED, RECONCILED, REPLACED = (
    (f"provider.{name}",) for name in ("reconciliation_failed", "reconciled", "store_replaced")
)


class Endless(InMemory):
    """Lists pages without end: `made` returns the references on each."""

    def made(self, number: int) -> list[UUID]:
        return [uuid4() for _ in range(50)]

    async def page(self, cursor: str | None) -> Page:
        number = int(cursor or 0)
        return Page([Copy(reference) for reference in self.made(number)], str(number + 1))


def run_on(hub: Hub, provider: str, adapter: Adapter, *, dry_run: bool = False) -> Reconciliation:
    """Reconcile to the end; return the reconciliation."""
    run_id = request(hub, provider, dry_run=dry_run)
    lane = lane_of(hub, adapter)
    while asyncio.run(reconcile(lane)):
        pass
    return transact(hub.engine, lambda db: reconciliations.read(db, run_id))


def invented(count: int) -> dict[UUID, Held]:
    return {uuid4(): {} for _ in range(count)}


@pytest.fixture
def held(upstream: Upstream, quick: Hub, twins: dict[str, InMemory]) -> InMemory:
    """Make the provider hold five permits; return the adapter."""
    upstream.allow()
    upstream.take_over(*(upstream.row() for _ in range(5)))
    asyncio.run(Drain(lane_of(quick, twins[PROVIDER]), quick.today).run())
    assert len(twins[PROVIDER].held) == 5
    return twins[PROVIDER]


@pytest.mark.parametrize("dry_run", [False, True])
def test_too_many_unknown_copies_end_the_reconciliation_untouched(
    held: InMemory, quick: Hub, evidence: Evidence, dry_run: bool
) -> None:
    before = evidence.query("SELECT * FROM shares ORDER BY reference")
    held.held |= invented(1_500)

    run = run_on(quick, PROVIDER, held, dry_run=dry_run)

    assert (run.code, run.finished_at is None) == ("too_many_orphans", False)
    assert evidence.query("SELECT * FROM shares ORDER BY reference") == before
    assert transact(quick.engine, partial(reconciliations.delete_copies, most=1_000)) < 1_000
    assert evidence.query("SELECT count(*) FROM reconciled_copies") == [(0,)]
    assert evidence.query(EVENTS, PROVIDER) == [FAILED]
    told = transact(quick.engine, lambda db: status.read(db, [PROVIDER])).providers[0]
    assert told.reconciliation_code == "too_many_orphans"


def test_unknown_copies_within_the_margin_are_removed_after_the_whole_list(
    held: InMemory, quick: Hub, evidence: Evidence
) -> None:
    kept = dict(held.held)
    held.held |= invented(quick.settings.orphan_margin)

    run = run_on(quick, PROVIDER, held)

    assert (run.code, run.orphans) == (None, quick.settings.orphan_margin)
    asyncio.run(Drain(lane_of(quick, held), quick.today).run())
    assert held.held == kept
    assert run_on(quick, PROVIDER, held).drift == 0


def test_the_margin_of_unknown_copies_is_a_setting(held: InMemory, quick: Hub) -> None:
    kept = dict(held.held)
    held.held |= invented(500)
    wider = replace(quick, settings=quick.settings.model_copy(update={"orphan_margin": 500}))

    assert run_on(wider, PROVIDER, held).code is None

    for _ in range(3):
        asyncio.run(Drain(lane_of(wider, held), quick.today).run())
    assert held.held == kept


def test_endless_pages_of_invented_references_are_given_up(held: InMemory, quick: Hub, evidence: Evidence) -> None:
    endless = Endless(PROVIDER, held.capabilities)

    run = run_on(quick, PROVIDER, endless)

    assert run.code == "too_many_orphans"
    assert run.pages <= 3
    assert evidence.value("SELECT count(*) FROM shares WHERE provider = %s", PROVIDER) == 5


@pytest.mark.parametrize("kind", ["the same copies", "no copies"])
def test_endlessly_repeating_pages_are_given_up(held: InMemory, quick: Hub, kind: str, evidence: Evidence) -> None:
    class Repeating(Endless):
        def made(self, number: int) -> list[UUID]:
            return [*held.held] if kind == "the same copies" else []

    run = run_on(quick, PROVIDER, Repeating(PROVIDER, held.capabilities))

    assert run.code == "list_endless"
    assert run.pages <= REPEATED_MARGIN + 2
    assert evidence.query(EVENTS, PROVIDER) == [FAILED]


def test_endless_pages_of_foreign_copies_are_given_up(held: InMemory, quick: Hub) -> None:
    class Others(InMemory):
        async def page(self, cursor: str | None) -> Page:
            return Page((), "again", foreign=MOST_FOREIGN // 4)

    run = run_on(quick, PROVIDER, Others(PROVIDER, held.capabilities))

    assert run.code == "list_endless"


def test_copies_listed_twice_are_accepted(held: InMemory, quick: Hub) -> None:
    class Twice(InMemory):
        async def page(self, cursor: str | None) -> Page:
            page = await super().page(None)
            assert page.next_page is None
            return replace(page, next_page=None if cursor else "again")

    held.__class__ = Twice

    run = run_on(quick, PROVIDER, held)

    assert (run.code, run.pages, run.copies, run.drift) == (None, 2, 10, 0)


@pytest.fixture
def city(upstream: Upstream, quick: Hub, hub: Hub) -> City:
    """Return a provider that names its store, and a drain for it."""
    needs = replace(hub.capabilities[CITY], batch=1, batch_of_first_puts=False)
    city = InMemory(CITY, needs)
    city.store = "1"
    lane = lane_of(quick, city)

    def put() -> UUID:
        permit_id = upstream.active(f"r-{uuid4()}")
        asyncio.run(Drain(lane, quick.today).run())
        return permit_id

    return city, put


def under_way(evidence: Evidence) -> int:
    query = "SELECT count(*) FROM reconciliations WHERE provider = %s AND finished_at IS NULL"
    return int(evidence.value(query, CITY))


def test_a_first_store_raises_no_alarm(city: City, evidence: Evidence) -> None:
    _, put = city

    put()
    put()

    assert evidence.query(EVENTS, CITY) == []
    assert evidence.value("SELECT store FROM providers WHERE provider = %s", CITY) == "1"
    assert under_way(evidence) == 0


def test_another_store_is_published_and_reconciled_at_once(city: City, quick: Hub, evidence: Evidence) -> None:
    twin, put = city
    put()
    before = dict(twin.held)
    twin.held.clear()
    twin.store = "2"

    put()

    assert evidence.query(EVENTS, CITY) == [REPLACED]
    assert under_way(evidence) == 1
    told = transact(quick.engine, lambda db: status.read(db, [CITY])).providers[0]
    assert told.replaced_at is not None

    lane = lane_of(quick, twin)
    while asyncio.run(reconcile(lane)):
        pass
    asyncio.run(Drain(lane, quick.today).run())

    assert before.items() <= twin.held.items()
    assert len(twin.held) == 2
    assert evidence.query(EVENTS, CITY) == [REPLACED, RECONCILED]


def test_a_reconciliation_with_the_old_store_begins_again(city: City, hub: Hub, evidence: Evidence) -> None:
    twin, put = city
    put()
    old = request(hub, CITY)
    twin.store = "2"

    put()

    assert transact(hub.engine, lambda db: reconciliations.read(db, old)).code == "store_replaced"
    assert under_way(evidence) == 1


def test_two_stores_in_turn_are_published_once(city: City, evidence: Evidence) -> None:
    twin, put = city
    for store in "121212":
        twin.store = store
        put()

    assert evidence.query(EVENTS, CITY) == [REPLACED]
