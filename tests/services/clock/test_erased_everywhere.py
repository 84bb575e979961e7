"""An erasure leaves no trace of the resident's data in any table, column, key or file."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrations.errors import FailureCode, RejectedError
from integrations.memory import Fault, InMemory
from ops.embedded.servers import Servers
from schemas.receipts import Outcome
from tests.conftest import Database
from tests.services.append_only_file import Clear, File
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.in_redis import as_operator
from tests.services.upstream import ANNE, BOB, UNVERIFIED, Upstream
from worker.hub import Hub
from worker.services.clock.advance import advance
from worker.services.clock.retention import purge
from worker.services.publishing import history
from worker.services.reminders.decide import decide

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
CATALOGUE = """
    SELECT concat_ws(' ', tablename, attname, most_common_vals, histogram_bounds, most_common_elems) FROM pg_stats
    UNION ALL SELECT concat_ws(' ', expr, most_common_vals, histogram_bounds) FROM pg_stats_ext_exprs
    UNION ALL SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    UNION ALL SELECT statement FROM pg_prepared_statements
    UNION ALL SELECT obj_description(oid) FROM pg_class
"""
BLANK = """
    SELECT name, email, language, contact_at, email_refused_at FROM residents WHERE resident_id = %s
"""
BLANK_PERMITS = """
    SELECT DISTINCT ban_id, address, zones, pending, reason, verified, over_on FROM permits WHERE resident_id = %s
"""


class Words:
    """Unique words, each in the form of the data that it stands for."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def _note(self, word: str) -> str:
        self.all.append(word)
        return word

    def name(self) -> str:
        return self._note(f"Zq{uuid4().hex}")

    def plate(self) -> str:
        return self._note(f"ZQ{uuid4().hex[:8].upper()}")

    def zone(self) -> str:
        return self._note(f"ZQ{uuid4().hex[:7].upper()}")

    def wish(self) -> dict[str, Any]:
        return {"plate": {"raw": self.plate()}, "zones": [self.zone()], "address": self.address()}

    def address(self) -> dict[str, str]:
        return {"ban_id": self.name()[:20], "label": self.name()}

    def found_in(self, text: str) -> list[str]:
        return [word for word in self.all if word in text]


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def file(hub: Hub, servers: Servers) -> File:
    return File(as_operator(hub), servers.data / "valkey")


@pytest.fixture
def stored(evidence: Evidence, database: Database) -> Callable[[], str]:
    """Return all text in the database, its catalogue and statistics included."""

    def stored() -> str:
        def rows() -> Iterator[str]:
            for (table,) in evidence.query(TABLES):
                yield from (row for (row,) in evidence.query(f"SELECT to_jsonb(t)::text FROM {table} t"))
            with database.connect() as connection:
                connection.execute("ANALYZE")
                yield from (str(row or "") for (row,) in connection.execute(CATALOGUE).fetchall())

        return "\n".join(rows())

    return stored


@pytest.fixture
def anne(
    upstream: Upstream, words: Words, hub: Hub, today: date, twins: dict[str, InMemory], deliver: Deliver
) -> dict[str, UUID]:
    """Give Anne permits in every state, and all data that the hub may have about her."""
    upstream.applied("resident.update_contact", name=words.name(), email=f"{words.name()}@example.fr", language="en")
    upstream.allow()
    permits = {
        "submitted": upstream.request(verified=UNVERIFIED, **words.wish()),
        "awaiting": upstream.request(**words.wish()),
        "active": upstream.active(**words.wish()),
        "moving": upstream.lapsed(**words.wish()),
        "renewing": upstream.lapsed(**words.wish()),
        "rejected": upstream.request(verified=UNVERIFIED, **words.wish()),
        "cancelled": upstream.request(**words.wish()),
        "imported": upstream.lapsed(status="ended", **words.wish()),
        "dead": upstream.active(**words.wish()),
    }
    upstream.applied("permit.decide", permit_id=permits["rejected"], decision="reject", reason=words.name())
    upstream.applied("permit.cancel", permit_id=permits["cancelled"])
    upstream.applied("permit.change_vehicle", permit_id=permits["active"], plate={"raw": words.plate()})
    moving: dict[str, Any] = {"permit_id": permits["moving"], "address": words.address(), "zones": [words.zone()]}
    upstream.applied("permit.change_address", **moving)
    upstream.applied("permit.renew", permit_id=permits["renewing"], years=1)
    twins["easypark"].fail(Fault(RejectedError("easypark", FailureCode.PLATE_REFUSED)))
    deliver()
    for job in (
        {"permit_id": permits["active"], "plate": {"raw": words.plate()}, words.name(): words.name()},
        {"permit_id": uuid4(), "plate": {"raw": words.plate()}},
        {"permit_id": words.name(), "plate": words.plate()},
    ):
        assert upstream.submit("permit.change_vehicle", **job).outcome is Outcome.REFUSED
    upstream.send("permit.change_vehicle", words.name())
    taken = upstream.envelope(resident_id=ANNE, permit_id=permits["active"], plate={"raw": words.plate()})
    upstream.send("permit.change_vehicle", taken)
    upstream.send("permit.change_vehicle", taken | {"plate": {"raw": words.plate()}})
    while decide(hub, today):
        pass
    advance(hub, today)
    upstream.applied("resident.export")
    history.put_history(hub, ANNE, uuid4(), today)
    return permits


def test_an_erasure_leaves_no_trace_of_the_residents_data(
    upstream: Upstream,
    anne: dict[str, UUID],
    words: Words,
    stored: Callable[[], str],
    file: File,
    evidence: Evidence,
    deliver: Deliver,
    cleared: Clear,
) -> None:
    before = stored()
    known = words.found_in(before)
    assert len(known) > 30
    keys = [key for (key,) in evidence.query("SELECT plate_key::text FROM plate_assignments")]
    assert file.shown(known)
    upstream.applied("resident.erase")
    assert words.found_in(stored()) == []
    assert [key for key in keys if key in stored()] == []
    assert file.shown(words.all) == []
    assert evidence.query(BLANK, ANNE) == [(None,) * 5]
    assert evidence.query(BLANK_PERMITS, ANNE) == [("", "", [], None, None, None, None)]
    deliver()
    cleared()
    assert [word for word in words.all if file.holds(word)] == []
    assert words.found_in(stored()) == []


def test_later_work_of_the_clock_restores_no_erased_data(
    upstream: Upstream,
    anne: dict[str, UUID],
    words: Words,
    stored: Callable[[], str],
    file: File,
    hub: Hub,
    today: date,
) -> None:
    upstream.applied("resident.erase")
    for day in (today, today + timedelta(days=40), today + timedelta(days=500)):
        advance(hub, day)
        while decide(hub, day):
            pass
        purge(hub, day)
    history.put_history(hub, ANNE, uuid4(), today)
    upstream.applied("resident.export")
    assert words.found_in(stored()) == []
    assert file.shown(words.all) == []


def test_refused_jobs_leave_no_trace_of_their_data(
    upstream: Upstream, anne: dict[str, UUID], words: Words, stored: Callable[[], str]
) -> None:
    """The data of a refused job is found nowhere, also for a resident who stays."""
    before = len(words.all)
    for _ in range(2):
        upstream.submit("permit.change_vehicle", BOB, permit_id=uuid4(), plate={"raw": words.plate()})
        upstream.submit("resident.update_contact", BOB, **{words.name(): words.name(), "email": words.name()})
        upstream.send("resident.update_contact", f'{{"name": "{words.name()}"')
        upstream.send("reminders.stop", {"token": words.name()})
    words.all = words.all[before:]
    assert words.found_in(stored()) == []
