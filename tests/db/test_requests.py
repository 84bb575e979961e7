"""Requests under review are found by indexes, whatever the number of permits."""

from functools import partial
from uuid import UUID

from sqlalchemy import Engine

from tests.conftest import Database
from tests.support.plans import plan_of
from worker.db.engine import transact
from worker.db.jobs import requests
from worker.domain.permit import Status

# Permit n of as many residents; every hundredth is under review, the later the lower its number.
FILL = """
    INSERT INTO residents (resident_id) SELECT 'r-' || n FROM generate_series(1, 3000) n;
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'r-' || n, CASE WHEN n % 100 = 0 THEN 'submitted' ELSE 'active' END,
            '2026-01-01', 'standard', '', '', '{}'
        FROM generate_series(1, 3000) n;
    UPDATE permits SET pending = jsonb_build_object('kind', 'new_term', 'years', 1, 'price_cents', 4500, 'review',
            jsonb_build_object('doubts', '[]'::jsonb, 'since', date '2026-01-01' + (3000 - n)))
        FROM generate_series(1, 3000) n WHERE permit_id = lpad(to_hex(n), 32, '0')::uuid AND n % 100 = 0;
    INSERT INTO plate_assignments (permit_id, assigned_at, raw, normalised, country, plate_key, during)
        SELECT permit_id, now() - row_number() OVER (ORDER BY permit_id) * interval '1 s', '', '', 'FR', permit_id,
            'empty'
        FROM permits;
    ANALYZE;
"""


def permit(number: int) -> UUID:
    return UUID(f"{number:032x}")


def test_the_longest_reviewed_is_first_and_no_table_of_all_permits_is_read(engine: Engine, database: Database) -> None:
    with database.connect() as connection:
        connection.execute(FILL)
    found = transact(engine, lambda db: requests.under_review(db, 2))
    assert [one.permit_id for one in found] == [permit(3000), permit(2900)]
    assert transact(engine, requests.count) == 30
    for statement, given in ((requests._LIST, {"limit": 100}), (requests._COUNT, {})):
        plan = transact(engine, partial(plan_of, statement=statement, given=given))
        assert "permits_under_review" in plan, plan
        assert not any(f"Seq Scan on {table}" in plan for table in ("permits", "plate_assignments")), plan


def test_a_permit_is_named_by_the_beginning_of_its_id_whatever_its_status(engine: Engine, database: Database) -> None:
    with database.connect() as connection:
        connection.execute(FILL)

    def named(first: int, last: int) -> list[tuple[UUID, Status]]:
        return transact(engine, lambda db: requests.named(db, permit(first), permit(last)))

    assert named(17, 17) == [(permit(17), Status.ACTIVE)]
    assert named(100, 100) == [(permit(100), Status.SUBMITTED)]
    assert len(named(1, 3000)) == 2
    assert named(4000, 5000) == []
    assert transact(engine, lambda db: requests.find(db, permit(17))) is None
