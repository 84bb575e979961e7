"""A history is read by indexes, among many other residents."""

import pytest

from tests.conftest import Database
from tests.support.plans import plan_of
from worker.db.engine import transact
from worker.db.publishing import history as rows
from worker.hub import Hub

# Others' rows, so many that a scan of the whole table would show.
CROWD = """
    INSERT INTO residents (resident_id) SELECT 'r-' || n FROM generate_series(1, 3000) n;
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones)
        SELECT lpad(n::text, 32, '0')::uuid, 'r-' || n, 'active', '2026-01-01', 'standard', '', '', '{}'
        FROM generate_series(1, 3000) n;
    INSERT INTO plate_assignments (permit_id, raw, normalised, country, plate_key, during)
        SELECT permit_id, 'AB', 'AB', 'FR', permit_id, 'empty' FROM permits;
    INSERT INTO payments (payment_reference, permit_id, amount_cents) SELECT permit_id::text, permit_id, 1 FROM permits;
    INSERT INTO events (resident_id, sequence, type, data)
        SELECT resident_id, 1, 'permit.imported', '{}' FROM residents;
    INSERT INTO consent_decisions (resident_id, version, choice, providers, text_version, text_sha256, source, job_id,
            decided_at)
        SELECT resident_id, 1, 'refuse', '{}', '', '', '', gen_random_uuid(), now() FROM residents;
    INSERT INTO disclosures (disclosure_id, permit_id, provider, fields_hash)
        SELECT permit_id, permit_id, 'easypark', '' FROM permits;
    INSERT INTO disclosure_outcomes (disclosure_id, outcome) SELECT disclosure_id, 'confirmed' FROM disclosures;
    ANALYZE;
"""


@pytest.mark.parametrize("statement", ["_PLATES", "_PAYMENTS", "_STEPS", "_DECISIONS", "_DISCLOSED"])
def test_a_history_is_read_by_indexes_among_many_residents(hub: Hub, database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(CROWD)
    given = {"resident_id": "r-7", "shares_confirmed": "shares.confirmed"}
    plan = transact(hub.engine, lambda db: plan_of(db, getattr(rows, statement), given))
    assert "Seq Scan" not in plan, plan
