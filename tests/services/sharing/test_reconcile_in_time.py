"""Reconciliation ends within a task's time, however the provider answers, and waits as long as it asks."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest

from integrations.base import Page
from integrations.errors import FailureCode, NotSentError
from integrations.memory import Fault, InMemory
from tests.services.evidence import Evidence
from tests.services.hubs import lane_of
from tests.services.sharing.requested import request
from worker.db.engine import transact
from worker.db.sharing import reconciliations
from worker.db.sharing.reconciliations import Reconciliation
from worker.hub import Hub
from worker.services.sharing.reconcile import RUN_SECONDS, reconcile
from worker.settings import LONGEST_REQUEST

PROVIDER = "easypark"
TASK_SECONDS = 8.0  # celeryconfig's soft limit, which cannot be imported without its environment
SCALE = 0.1  # of the real time-outs
THROTTLED = Fault(NotSentError(PROVIDER, FailureCode.THROTTLED, status=429, retry_after=120))


@pytest.fixture
def run_id(hub: Hub) -> UUID:
    return request(hub, PROVIDER)


@pytest.fixture
def read(hub: Hub, run_id: UUID) -> Callable[[], Reconciliation]:
    return lambda: transact(hub.engine, partial(reconciliations.read, reconciliation_id=run_id))


def test_a_hanging_list_request_is_given_up_before_the_task_ends(
    hub: Hub, twins: dict[str, InMemory], read: Callable[[], Reconciliation]
) -> None:
    twins[PROVIDER].fail(Fault(None), count=10)
    short = hub.settings.model_copy(update={"request_seconds": LONGEST_REQUEST * SCALE})
    started = time.monotonic()
    asyncio.run(reconcile(lane_of(replace(hub, settings=short), twins[PROVIDER])))
    taken = (time.monotonic() - started) / SCALE
    assert RUN_SECONDS + taken < TASK_SECONDS
    assert (read().failures, read().code) == (1, FailureCode.TIMED_OUT)


def test_a_page_refused_for_a_time_is_not_requested_earlier(
    hub: Hub, twins: dict[str, InMemory], read: Callable[[], Reconciliation], evidence: Evidence
) -> None:
    twins[PROVIDER].fail(THROTTLED)
    assert asyncio.run(reconcile(lane_of(hub, twins[PROVIDER]))) is False
    waits = evidence.value("SELECT extract(epoch FROM lease_until - now()) FROM reconciliations")
    assert 110 < waits <= 120
    assert (read().pages, read().failures) == (0, 1)


def test_a_page_read_by_a_late_worker_is_not_recorded(
    hub: Hub, twins: dict[str, InMemory], read: Callable[[], Reconciliation], evidence: Evidence
) -> None:
    class Late(InMemory):
        async def page(self, cursor: str | None) -> Page:
            with evidence.database.connect() as connection:  # another worker has finished it meanwhile
                connection.execute("UPDATE reconciliations SET lease_id = NULL, finished_at = now()")
            return await super().page(cursor)

    twins[PROVIDER].__class__ = Late
    twins[PROVIDER].held = {evidence.value("SELECT gen_random_uuid()"): {}}
    asyncio.run(reconcile(lane_of(hub, twins[PROVIDER])))
    assert evidence.value("SELECT count(*) FROM reconciled_copies") == 0
