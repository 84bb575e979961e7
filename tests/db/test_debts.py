"""What was pending before debts had names has one after the upgrade, and keeps it."""

from alembic import command
from sqlalchemy import NullPool, create_engine, text

from tests.conftest import Database
from worker.db.migrate import configuration, migrate
from worker.domain import pending

PERMITS = """
    INSERT INTO residents (resident_id) VALUES ('r-1');
    INSERT INTO permits (permit_id, resident_id, status, requested_on, profile, ban_id, address, zones, pending)
    SELECT gen_random_uuid(), 'r-1', 'awaiting_payment', '2025-01-01', 'standard', '', '', '{}', pending
    FROM unnest(ARRAY[
        jsonb_build_object('kind', 'new_term', 'years', 1, 'price_cents', 4500, 'pay_by', '2025-02-01'),
        jsonb_build_object('kind', 'new_term', 'years', 1, 'price_cents', 4500, 'pay_by', '2025-02-01'),
        NULL
    ]) AS pending;
"""
READ = text("SELECT pending FROM permits WHERE pending IS NOT NULL ORDER BY permit_id")


def test_what_was_pending_gets_a_name_that_stays(empty_database: Database) -> None:
    engine = create_engine(empty_database.owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0006")
        connection.exec_driver_sql(PERMITS)
    migrate(empty_database.owner_url)
    with engine.connect() as connection:
        first, again = (
            [pending.from_json(values).debt_id for values in connection.execute(READ).scalars()] for _ in range(2)
        )
        assert first == again
        assert len(set(first)) == 2
        assert connection.execute(text("SELECT count(*) FROM permits WHERE pending IS NULL")).scalar_one() == 1
