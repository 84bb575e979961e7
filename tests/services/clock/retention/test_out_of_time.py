"""A task out of time ends at any point, and does not report its work as failed."""

import signal
from concurrent.futures import ThreadPoolExecutor
from threading import main_thread

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from structlog.testing import capture_logs

from tests.services.kept import plates
from tests.support.waiting import eventually
from worker.hub import UNAVAILABLE
from worker.services.clock.retention import purge

WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def time_is_over(evidence):
    """Return a function that ends this thread's task, as Celery does, once it waits for the database."""

    def stop(*_):
        raise SoftTimeLimitExceeded

    def interrupt():
        eventually(lambda: evidence.query(WAITING))
        signal.pthread_kill(main_thread().ident, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop)
    with ThreadPoolExecutor(1) as other:
        yield lambda: other.submit(interrupt)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("lock", ["SELECT FROM residents FOR UPDATE", "LOCK TABLE jobs"], ids=["resident", "ledger"])
def test_a_purge_out_of_time_inside_a_statement_ends_and_the_next_continues(
    hub, database, evidence, lapsed, forgetting, time_is_over, lock
):
    with database.connect() as db, db.transaction():
        db.execute(lock)
        time_is_over()
        with capture_logs() as logs, pytest.raises(UNAVAILABLE):  # the connection ends, too
            purge(hub, forgetting)
    assert logs == []
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []


@pytest.mark.parametrize(
    "within",
    ["jobs.residents.lock", "clock.retention.purge", "clock.retention.next_due", "clock.retention.next_contacts"],
)
def test_a_purge_out_of_time_outside_a_statement_ends(hub, evidence, lapsed, forgetting, monkeypatch, within):
    def ends(*_given, **_named):
        raise SoftTimeLimitExceeded

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(f"worker.db.{within}", ends)
        with pytest.raises(SoftTimeLimitExceeded):
            purge(hub, forgetting)
    assert logs == []
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []
