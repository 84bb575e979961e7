"""A job that has waited for its resident's lock sees what the transaction before it has committed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from schemas.receipts import Outcome, Receipt, RefusalCode
from tests.services.evidence import Evidence
from tests.services.upstream import ANNE, Upstream
from tests.support.waiting import eventually

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
REFUSE = """
    INSERT INTO consent_decisions
        (resident_id, version, choice, providers, text_version, text_sha256, source, job_id, decided_at)
    VALUES (%s, 1, 'refuse', '{easypark}', '', '', 'test', gen_random_uuid(), now())
"""

Meanwhile = Callable[[Callable[[], Receipt], str, object], Receipt]


@pytest.fixture
def meanwhile(evidence: Evidence) -> Meanwhile:
    """Return a call that begins a job while the resident is locked, then changes something and lets it go on."""

    def change(job: Callable[[], Receipt], statement: str, value: object) -> Receipt:
        with evidence.database.connect() as watching, evidence.database.connect() as holding, _pool() as pool:
            holding.autocommit = False
            holding.execute("SELECT FROM residents WHERE resident_id = %s FOR UPDATE", [ANNE])
            begun = pool.submit(job)
            eventually(lambda: _waiting(watching), "the job behind the lock", equals=1)
            holding.execute(statement, [value])
            holding.commit()
            return begun.result(10)

    return change


def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


def _waiting(connection: psycopg.Connection) -> int:
    ((number,),) = connection.execute(WAITING).fetchall()
    return int(number)


def test_an_allowance_sees_the_refusal_that_it_waited_for(
    upstream: Upstream, evidence: Evidence, meanwhile: Meanwhile
) -> None:
    upstream.active()
    receipt = meanwhile(lambda: upstream.allow(providers=("easypark",)), REFUSE, ANNE)
    assert (receipt.outcome, receipt.code) == (Outcome.REFUSED, RefusalCode.CONSENT_STALE)
    assert evidence.value("SELECT count(*) FROM shares WHERE provider = 'easypark'") == 0


def test_a_change_sees_the_end_that_it_waited_for(upstream: Upstream, meanwhile: Meanwhile) -> None:
    permit_id = upstream.active()
    vehicle: dict[str, Any] = {"permit_id": permit_id, "plate": {"raw": upstream.plate()}}
    end = "UPDATE permits SET status = 'ended' WHERE permit_id = %s"
    receipt = meanwhile(lambda: upstream.submit("permit.change_vehicle", **vehicle), end, permit_id)
    assert receipt.outcome is Outcome.REFUSED
