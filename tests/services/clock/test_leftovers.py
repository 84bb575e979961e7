"""Erased data leaves Redis and its append-only file, also if tasks were running."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

import pytest
import redis
from structlog.testing import capture_logs

from ops.embedded.servers import Servers
from schemas.history import History
from schemas.receipts import RefusalCode
from tests.services.append_only_file import AT_ONCE, Clear, File
from tests.services.evidence import Evidence
from tests.services.in_redis import as_operator, read_document
from tests.services.kept import DAY, after
from tests.services.upstream import ANNE, BOB, Upstream
from tests.support.waiting import eventually
from worker.db.clock.leftovers import Problem, read
from worker.db.engine import transact
from worker.hub import Hub
from worker.live.documents import Documents
from worker.live.live import Live
from worker.services.clock.leftovers import SETTLE, clear
from worker.services.clock.retention import purge
from worker.services.publishing import history

REWRITTEN = "SELECT FROM file_rewrite WHERE redis_run_id IS NULL"


def seen_after_clearing(hub: Hub, look: Callable[[], object]) -> object:
    """Clear, as a tick of the clock does; return what is seen then."""
    clear(hub)
    return look()


@pytest.fixture
def file(hub: Hub, servers: Servers) -> File:
    return File(as_operator(hub), servers.data / "valkey")


@pytest.fixture
def anne(upstream: Upstream, word: str) -> str:
    """Make a resident known by a unique name, address and plate; return the plate."""
    plate = f"ZZ-{word[-7:].upper()}"
    upstream.applied("resident.update_contact", name=word, email=f"{word}@example.fr")
    upstream.active(plate={"raw": plate}, address={"ban_id": f"b_{word[-9:]}", "label": word})
    return plate


def without_right(hub: Hub) -> Iterator[Hub]:
    """Return the hub with a Redis that refuses to rewrite its file, as a managed service does."""
    client, name = as_operator(hub), f"managed-{uuid4().hex}"
    client.acl_setuser(
        name,
        enabled=True,
        passwords=["+managed"],
        keys=["*"],
        channels=["*"],
        categories=["+@all"],
        commands=["-bgrewriteaof"],
    )
    options = client.connection_pool.connection_kwargs | {"username": name, "password": "managed"}
    managed = redis.Redis(**{key: options[key] for key in ("host", "port", "db", "username", "password")})
    yield replace(hub, live=Live.over(managed, hub.live.key(""), hub.zone))
    managed.close()
    client.acl_deluser(name)


managed_hub = pytest.fixture(without_right, name="managed")


def test_erased_data_is_gone_from_redis_and_its_file(
    upstream: Upstream, anne: str, word: str, file: File, cleared: Clear, hub: Hub, today: date
) -> None:
    upstream.applied("resident.export")
    history.put_history(hub, ANNE, uuid4(), today)
    assert file.shown([word])
    assert file.shown([anne])
    cleared()
    upstream.applied("resident.erase")
    assert file.shown([word]) == []
    assert file.shown([anne]) == []
    cleared()
    assert not file.holds(word)
    assert not file.holds(anne)


def test_the_file_holds_erased_data_until_the_rewrite(upstream: Upstream, anne: str, word: str, file: File) -> None:
    upstream.applied("resident.erase")
    eventually(lambda: file.holds(word))  # it is written once a second


def test_a_history_made_before_an_erasure_is_dropped_by_it(
    upstream: Upstream, anne: str, file: File, hub: Hub, today: date
) -> None:
    history.put_history(hub, ANNE, task_id := uuid4(), today)
    assert file.shown([anne])
    upstream.applied("resident.erase")
    assert hub.live.client.get(hub.live.key(f"history:{task_id}")) is None
    assert file.shown([anne]) == []


def test_a_history_read_before_an_erasure_and_put_after_it_is_remade(
    upstream: Upstream, anne: str, file: File, hub: Hub, today: date
) -> None:
    class Late(Documents):
        """Redis, with an erasure between the reading of a history and its putting."""

        def put_history(self, task_id: UUID, document: History) -> None:
            if document.permits:
                upstream.applied("resident.erase")
            super().put_history(task_id, document)

    late = replace(hub.live, documents=Late(hub.live.keyspace))
    version = history.put_history(replace(hub, live=late), ANNE, task_id := uuid4(), today)
    assert file.shown([anne]) == []
    document = read_document(hub, f"history:{task_id}")
    assert f'"version":{version}'.encode() in document


def test_a_document_missed_by_an_erasure_is_dropped_before_the_rewrite(
    upstream: Upstream, anne: str, word: str, file: File, hub: Hub, cleared: Clear
) -> None:
    space = read_document(hub, f"space:{ANNE}")
    upstream.applied("resident.erase")
    hub.live.client.set(hub.live.key(f"space:{ANNE}"), space)  # by a worker that was frozen
    hub.live.documents._put(ANNE, "export:late", word, 900)
    cleared()
    assert file.shown([word]) == []
    assert not file.holds(word)


def test_an_erasure_keeps_other_residents_documents(
    upstream: Upstream, anne: str, evidence: Evidence, cleared: Clear, hub: Hub, today: date
) -> None:
    upstream.active(BOB, plate={"raw": "EF-367-QS"})
    history.put_history(hub, BOB, task_id := uuid4(), today)
    upstream.applied("resident.erase")
    cleared()
    assert [card.plate for card in evidence.space(BOB).cards] == ["EF-367-QS"]
    assert hub.live.client.exists(hub.live.key(f"history:{task_id}"))


def test_a_job_sent_after_an_erasure_is_rewritten_out_of_the_file(
    upstream: Upstream, anne: str, word: str, evidence: Evidence, cleared: Clear
) -> None:
    upstream.applied("resident.erase")
    cleared()
    refused = upstream.submit("resident.update_contact", name=word, email="anne@example.fr")
    assert refused.code is RefusalCode.RESIDENT_ERASED
    assert evidence.query("SELECT resident_id FROM leftovers") == [(ANNE,)]
    cleared()


def test_many_erasures_cause_one_rewrite(upstream: Upstream, evidence: Evidence, cleared: Clear, hub: Hub) -> None:
    cleared()
    for number in range(5):
        upstream.active(f"r-{number}")
        upstream.applied("resident.erase", f"r-{number}")

    def marked() -> list[tuple[bool]]:
        clear(hub, AT_ONCE)  # in vain while the server is rewriting its file for another test
        return evidence.query("SELECT DISTINCT being_rewritten FROM leftovers")

    eventually(marked, equals=[(True,)])
    cleared()


def test_a_rewrite_waits_until_running_tasks_have_ended(
    upstream: Upstream, anne: str, evidence: Evidence, cleared: Clear, hub: Hub
) -> None:
    cleared()
    upstream.applied("resident.erase")
    clear(hub)
    assert evidence.query("SELECT being_rewritten FROM leftovers") == [(False,)]
    with evidence.database.connect() as connection:
        connection.execute("UPDATE leftovers SET noted_at = noted_at - %s", [SETTLE])
    cleared(settle=SETTLE)


def test_a_rewrite_comes_once_a_day_without_any_erasure(evidence: Evidence, cleared: Clear, hub: Hub) -> None:
    def asked_at() -> object:
        return evidence.value("SELECT asked_at FROM file_rewrite")

    eventually(lambda: seen_after_clearing(hub, asked_at))
    before = asked_at()
    eventually(lambda: seen_after_clearing(hub, lambda: evidence.query(REWRITTEN)))
    clear(hub)
    assert asked_at() == before
    with evidence.database.connect() as connection:
        connection.execute("UPDATE file_rewrite SET asked_at = asked_at - interval '1 day'")
    asked_again = "SELECT FROM file_rewrite WHERE asked_at >= %s"
    eventually(lambda: seen_after_clearing(hub, lambda: evidence.query(asked_again, before)))


def test_a_rewrite_lost_with_its_worker_is_requested_by_the_next(
    upstream: Upstream, anne: str, evidence: Evidence, cleared: Clear, hub: Hub, word: str, file: File
) -> None:
    cleared()
    upstream.applied("resident.erase")
    with evidence.database.connect() as connection:
        connection.execute("UPDATE leftovers SET being_rewritten = true")
    cleared()
    assert not file.holds(word)


def test_a_rewrite_lost_with_its_redis_is_requested_again(
    upstream: Upstream, anne: str, evidence: Evidence, cleared: Clear, hub: Hub, file: File, word: str
) -> None:
    cleared()
    upstream.applied("resident.erase")
    with evidence.database.connect() as connection:
        connection.execute("UPDATE leftovers SET being_rewritten = true")
        connection.execute("UPDATE file_rewrite SET redis_run_id = 'of-another-process'")
    cleared()
    assert not file.holds(word)


def test_a_refused_rewrite_is_logged_once_and_not_waited_for(
    upstream: Upstream, anne: str, word: str, evidence: Evidence, managed: Hub, file: File
) -> None:
    with capture_logs() as logs:
        for _ in range(2):
            upstream.applied("resident.erase")
            clear(managed, AT_ONCE)
    assert [entry["event"] for entry in logs if entry["event"].startswith("append_only")] == ["append_only.refused"]
    assert evidence.query("SELECT FROM leftovers") == []
    assert transact(managed.engine, read).problem is Problem.REFUSED
    assert not transact(managed.engine, read).is_due


def test_a_refused_rewrite_is_requested_another_day(
    upstream: Upstream, anne: str, word: str, evidence: Evidence, managed: Hub, file: File, hub: Hub
) -> None:
    upstream.applied("resident.erase")
    clear(managed, AT_ONCE)
    with evidence.database.connect() as connection:
        connection.execute("UPDATE file_rewrite SET asked_at = asked_at - interval '1 day'")
    clear(hub)
    eventually(lambda: not file.holds(word))
    eventually(lambda: seen_after_clearing(hub, lambda: transact(hub.engine, read).problem is None))


def test_data_past_its_retention_is_rewritten_out_of_the_file(
    upstream: Upstream, evidence: Evidence, hub: Hub, today: date
) -> None:
    upstream.lapsed()
    purge(hub, after(today - DAY, 12))
    assert evidence.query("SELECT resident_id FROM leftovers") == [(None,)]
