"""A task out of time ends at any point, and does not report its work as failed."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from threading import main_thread
from uuid import UUID

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from structlog.testing import capture_logs

from tests.conftest import Database
from tests.services.evidence import Evidence
from tests.services.kept import plates
from tests.support.waiting import eventually
from worker.hub import TASK_ENDING, Hub
from worker.services.clock.retention import purge

WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def time_is_over(evidence: Evidence) -> Iterator[Callable[[], Future[None]]]:
    """Return a function that ends this thread's task, as Celery does, once it waits for the database."""

    def stop(*_: object) -> None:
        raise SoftTimeLimitExceeded

    def interrupt() -> None:
        eventually(lambda: evidence.query(WAITING))
        thread = main_thread().ident
        assert thread is not None
        signal.pthread_kill(thread, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop)
    with ThreadPoolExecutor(1) as other:
        yield lambda: other.submit(interrupt)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("lock", ["SELECT FROM residents FOR UPDATE", "LOCK TABLE jobs"], ids=["resident", "ledger"])
def test_a_purge_out_of_time_inside_a_statement_ends_and_the_next_continues(
    hub: Hub,
    database: Database,
    evidence: Evidence,
    lapsed: UUID,
    forgetting: date,
    time_is_over: Callable[[], Future[None]],
    lock: str,
) -> None:
    with database.connect() as db, db.transaction():
        db.execute(lock)
        time_is_over()
        with capture_logs() as logs, pytest.raises(TASK_ENDING):  # the connection ends, too
            purge(hub, forgetting)
    assert logs == []
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []


@pytest.mark.parametrize(
    "within",
    ["jobs.residents.lock", "clock.retention.purge", "clock.retention.next_due", "clock.retention.next_contacts"],
)
def test_a_purge_out_of_time_outside_a_statement_ends(
    hub: Hub, evidence: Evidence, lapsed: UUID, forgetting: date, monkeypatch: pytest.MonkeyPatch, within: str
) -> None:
    def ends(*_given: object, **_named: object) -> None:
        raise SoftTimeLimitExceeded

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(f"worker.db.{within}", ends)
        with pytest.raises(SoftTimeLimitExceeded):
            purge(hub, forgetting)
    assert logs == []
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []
